//! Asking the agent, within a time that is limited.

use std::{
    io::{self, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

use crate::cni::protocol::{Answer, Call, Question, Reply, VERSION, line, read};

/// How long to wait between two attempts to connect: the agent's socket is there a moment after it has started.
const PAUSE: Duration = Duration::from_millis(50);

/// What is left of the time for an answer to arrive.
const ANSWER: Duration = Duration::from_millis(500);

/// How long the plugin may take.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    /// To connect, again and again, and to be answered.
    Until(Instant),
    /// To be answered by an agent that is there now.
    Now(Instant),
}

/// Asks. An error means that no agent answered.
pub(super) fn ask(socket: &Path, call: Call, patience: Patience) -> io::Result<Answer> {
    let (Patience::Until(deadline) | Patience::Now(deadline)) = patience;
    let stream = loop {
        match connect(socket) {
            Ok(stream) => break stream,
            Err(error) if matches!(patience, Patience::Now(_)) => return Err(error),
            Err(error) if Instant::now() + PAUSE >= deadline => return Err(error),
            Err(_) => thread::sleep(PAUSE),
        }
    };
    let rest = deadline.saturating_duration_since(Instant::now());
    if rest.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    // The time-outs are of each read and write; there are few of them, since lines are written and answered whole.
    stream.set_read_timeout(Some(rest))?;
    stream.set_write_timeout(Some(rest))?;
    // The agent is to say itself that it has not finished, before we take its silence for its absence.
    let within = rest - ANSWER.min(rest / 4);
    let within = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
    (&stream).write_all(&line(&Question { version: VERSION, within, call })?)?;
    let reply: Reply = read(&mut BufReader::new(&stream)).map_err(explain)?;
    if reply.version != VERSION {
        return Err(io::Error::other(format!(
            "the agent speaks version {} of the protocol, this plugin {VERSION}",
            reply.version
        )));
    }
    Ok(reply.answer)
}

fn explain(error: io::Error) -> io::Error {
    let kind = error.kind();
    // The kernel's word for a time-out of a socket.
    if kind == io::ErrorKind::WouldBlock {
        io::Error::new(io::ErrorKind::TimedOut, "the agent did not answer in time")
    } else if kind == io::ErrorKind::UnexpectedEof {
        io::Error::new(kind, "the agent ended before it answered")
    } else {
        error
    }
}

fn connect(socket: &Path) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(socket)?;
    // Whoever listens decides who gets a network: only root, or the user that we are in a test.
    let peer = getsockopt(&stream, PeerCredentials)?.uid();
    if peer != 0 && peer != nix::unistd::geteuid().as_raw() {
        return Err(io::Error::other(format!("its socket is that of user {peer}, who is not root")));
    }
    Ok(stream)
}
