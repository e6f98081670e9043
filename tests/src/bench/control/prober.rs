//! A client that connects over and over, until it gets another answer.
//!
//! A new connection each time: the answer to a SYN on a veth comes within the system call that sends it, or at the
//! softirq's next turn. So silence of [`SILENCE`] is a refusal when an answer was there each time before; and where there
//! was none, a connection that waits for [`PATIENCE`] is not waited for, and the next one is tried.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::fd::AsFd as _,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, ppoll},
    sys::time::TimeSpec,
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt};

/// Between two connections that open.
const PAUSE: Duration = Duration::from_micros(100);
/// How long one may take to open where none does.
const PATIENCE: Duration = Duration::from_micros(300);
/// What one that no longer opens is told from one that is late by.
const SILENCE: Duration = Duration::from_millis(30);
/// The longest that a change is waited for.
const DEADLINE: Duration = Duration::from_secs(60);

/// What a prober found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    /// When the first connection with the new verdict had opened, or had asked in vain.
    pub(super) at: Instant,
    /// Milliseconds between two attempts.
    pub(super) resolution: f64,
}

/// Connects until connections open (`opens`), or until they do not. Must run in the client's network namespace. The listener
/// is in this thread's hands, so nobody needs to run for a connection to end. `attempts` counts.
pub(super) fn probe(
    at: SocketAddr,
    listener: &TcpListener,
    opens: bool,
    attempts: &AtomicU32,
) -> Result<Found> {
    let begun = Instant::now();
    let mut made = 0_u32;
    loop {
        ensure!(
            begun.elapsed() < DEADLINE,
            "connections to {at} {} open",
            if opens { "do not" } else { "still" }
        );
        let (has_opened, sent) = attempt(at, if opens { PATIENCE } else { SILENCE })?;
        made += 1;
        attempts.store(made, Ordering::Relaxed);
        if has_opened == opens {
            let resolution = sent.duration_since(begun).as_secs_f64() * 1e3 / f64::from(made.max(2) - 1);
            return Ok(Found { at: if opens { Instant::now() } else { sent }, resolution });
        }
        while listener.accept().is_ok() {}
        if has_opened {
            wait(&mut [], PAUSE)?;
        }
    }
}

/// Whether a connection opens in time, and when it had asked. It is reset, so that its port is free at once.
fn attempt(to: SocketAddr, patience: Duration) -> Result<(bool, Instant)> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, None).context("cannot make a socket")?;
    sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
    let connecting = connect(&socket, &to);
    let sent = Instant::now();
    match connecting {
        Ok(()) => return Ok((true, sent)),
        Err(error) if error == rustix::io::Errno::INPROGRESS => {}
        Err(error) => return Err(error).with_context(|| format!("cannot connect to {to}")),
    }
    let mut polled = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
    if !wait(&mut polled, patience)? {
        return Ok((false, sent));
    }
    match sockopt::socket_error(&socket)? {
        Ok(()) => Ok((true, sent)),
        Err(error) => Err(error).with_context(|| format!("a connection to {to}")),
    }
}

/// Waits for one of them, so long at most.
fn wait(polled: &mut [PollFd<'_>], patience: Duration) -> io::Result<bool> {
    let end = Instant::now() + patience;
    loop {
        let rest = end.saturating_duration_since(Instant::now());
        match ppoll(polled, Some(TimeSpec::from_duration(rest)), None) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
