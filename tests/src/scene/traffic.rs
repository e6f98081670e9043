//! Traffic that goes on whatever happens to the enforcer: a connection that may be, and attempts that may not.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result, anyhow, ensure};

use super::{DEADLINE, Scene, families, pod};
use crate::{oracle::Family, poll};

/// Between two datagrams that nobody may answer, and how long an attempt to connect waits for what should not come.
const PACE: Duration = Duration::from_millis(1);
const ATTEMPT: Duration = Duration::from_millis(50);

/// Words exchanged, and attempts made, between two looks at them.
const ENOUGH: u64 = 30;

/// A steady TCP connection from one pod to another, and a third that hammers at the same server with datagrams and
/// handshakes.
#[derive(Debug)]
pub struct Traffic {
    counts: Arc<Counts>,
    threads: Vec<JoinHandle<Result<()>>>,
}

#[derive(Debug, Default)]
struct Counts {
    stop: AtomicBool,
    /// Datagrams are sent one right after the other.
    presses: AtomicBool,
    exchanged: AtomicU64,
    datagrams: AtomicU64,
    handshakes: AtomicU64,
    /// Attempts that were answered.
    answered: AtomicU64,
}

impl Traffic {
    /// Starts it; the connection is established when this returns.
    pub fn start(scene: &Scene, [client, stranger, server]: [&str; 3]) -> Result<Self> {
        let counts = Arc::new(Counts::default());
        let mut threads = Vec::new();
        for family in families() {
            let at = scene.at(server, family)?;
            let stream = scene.lab.pod(&pod(client))?.netns().enter(|| {
                TcpStream::connect_timeout(&at, DEADLINE).with_context(|| format!("no way to {at}"))
            })?;
            let banner = scene.lab.pod(&pod(server))?.banner(super::PORT).len() + 1;
            let (own, others) = (Arc::clone(&counts), scene.lab.pod(&pod(stranger))?.netns().clone());
            threads.push(thread::spawn(move || talk(stream, banner, &own)));
            let (netns, own) = (others.clone(), Arc::clone(&counts));
            threads.push(thread::spawn(move || netns.enter(|| send(at, family, &own))));
            let own = Arc::clone(&counts);
            threads.push(thread::spawn(move || others.enter(|| connect(at, &own))));
        }
        let traffic = Self { counts, threads };
        traffic.go_on("before anything happens")?;
        Ok(traffic)
    }

    /// Waits for more words and attempts; fails when one of the attempts was answered or the connection is over.
    pub fn go_on(&self, when: &str) -> Result<()> {
        let Counts { exchanged, datagrams, handshakes, answered, .. } = self.counts.as_ref();
        let all = [exchanged, datagrams, handshakes];
        let before = all.map(|count| count.load(Ordering::Relaxed));
        let more =
            || all.iter().zip(before).all(|(count, before)| count.load(Ordering::Relaxed) >= before + ENOUGH);
        let over = || self.threads.iter().any(JoinHandle::is_finished);
        poll::until(DEADLINE, &format!("{when}: traffic goes on"), || (more() || over()).then_some(()))?;
        ensure!(!over(), "{when}: a connection broke");
        let answered = answered.load(Ordering::Relaxed);
        ensure!(answered == 0, "{when}: {answered} attempts were answered that nobody may make");
        Ok(())
    }

    /// Does something while datagrams come as fast as they can: a gap of a tenth of a millisecond lets several through.
    pub fn press<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.counts.presses.store(true, Ordering::Relaxed);
        let done = work();
        self.counts.presses.store(false, Ordering::Relaxed);
        done
    }

    /// Waits until nobody talks any more, while attempts go on.
    pub fn falls_silent(&self, when: &str) -> Result<()> {
        poll::until(DEADLINE, &format!("{when}: nobody talks any more"), || {
            let (words, attempts) = (self.counts.exchanged.load(Ordering::Relaxed), self.attempts());
            let more = || (self.attempts() >= attempts + 10 * ENOUGH).then_some(());
            poll::until(DEADLINE, "attempts go on", more).ok()?;
            (self.counts.exchanged.load(Ordering::Relaxed) == words).then_some(())
        })
    }

    /// How many attempts were made.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.counts.datagrams.load(Ordering::Relaxed) + self.counts.handshakes.load(Ordering::Relaxed)
    }

    /// Ends it, and says why if it has ended before. Returns how many attempts were made.
    pub fn end(mut self) -> Result<u64> {
        self.counts.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().map_err(|_| anyhow!("a thread panicked"))??;
        }
        ensure!(self.counts.answered.load(Ordering::Relaxed) == 0, "an attempt was answered");
        Ok(self.attempts())
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.counts.stop.store(true, Ordering::Relaxed);
    }
}

impl Counts {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }
}

/// Says a word and waits until it has come back.
fn talk(mut stream: TcpStream, banner: usize, counts: &Counts) -> Result<()> {
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_nodelay(true)?;
    stream.read_exact(&mut vec![0; banner])?;
    while counts.goes_on() {
        let mut word = [0x5a; 64];
        stream.write_all(&word).context("cannot speak")?;
        stream.read_exact(&mut word).context("nothing comes back")?;
        counts.exchanged.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Sends datagrams. Each is an attempt of its own.
fn send(at: SocketAddr, family: Family, counts: &Counts) -> Result<()> {
    let own: SocketAddr = if family == Family::V4 { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(own)?;
    socket.connect(at)?;
    socket.set_read_timeout(Some(PACE))?;
    let mut presses = false;
    while counts.goes_on() {
        // One family is enough: both go through the same hooks.
        if presses != (counts.presses.load(Ordering::Relaxed) && family == Family::V4) {
            presses = !presses;
            socket.set_nonblocking(presses)?;
        }
        socket.send(b"let me in").context("cannot send")?;
        counts.datagrams.fetch_add(1, Ordering::Relaxed);
        match socket.recv(&mut [0; 64]) {
            Ok(_) => counts.answered.fetch_add(1, Ordering::Relaxed),
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => 0,
            Err(error) => return Err(error).context("receiving"),
        };
    }
    Ok(())
}

/// Tries to connect, over and over.
fn connect(at: SocketAddr, counts: &Counts) -> Result<()> {
    while counts.goes_on() {
        if TcpStream::connect_timeout(&at, ATTEMPT).is_ok() {
            counts.answered.fetch_add(1, Ordering::Relaxed);
        }
        counts.handshakes.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
