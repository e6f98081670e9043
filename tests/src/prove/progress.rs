//! Signs of life: one line that changes on a terminal, a line now and then in a log.

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::Level;

/// How often a log hears of us.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often the line on a terminal changes.
const REFRESH: Duration = Duration::from_millis(200);

/// Packets compared so far at one level.
pub(super) struct Progress {
    level: Level,
    asked: u64,
    packets: AtomicU64,
    shrinks: AtomicBool,
    begun: Instant,
    spoken: Mutex<Instant>,
    live: bool,
}

impl Progress {
    pub(super) fn new(level: Level, asked: u64) -> Self {
        Self {
            level,
            asked,
            packets: AtomicU64::new(0),
            shrinks: AtomicBool::new(false),
            begun: Instant::now(),
            spoken: Mutex::new(Instant::now()),
            live: io::stdout().is_terminal(),
        }
    }

    /// More packets were compared.
    pub(super) fn add(&self, packets: u64) {
        self.packets.fetch_add(packets, Ordering::Relaxed);
    }

    /// A difference was found and is being made smaller.
    pub(super) fn shrinks(&self) {
        self.shrinks.store(true, Ordering::Relaxed);
    }

    /// How long to wait for news before [`Progress::speak`].
    pub(super) fn patience(&self) -> Duration {
        if self.live { REFRESH } else { HEARTBEAT }
    }

    /// Says how far it is, if it is time to.
    pub(super) fn speak(&self) -> io::Result<()> {
        let Ok(mut spoken) = self.spoken.lock() else { return Ok(()) };
        if spoken.elapsed() < self.patience() {
            return Ok(());
        }
        *spoken = Instant::now();
        let packets = self.packets.load(Ordering::Relaxed);
        let seconds = self.begun.elapsed().as_secs_f64();
        let state =
            if self.shrinks.load(Ordering::Relaxed) { "; a difference, which is being shrunk" } else { "" };
        let line = format!(
            "{:<6}  {:>11} of {}  {:>8}/s  {seconds:>5.0} s{state}",
            self.level,
            grouped(packets),
            grouped(self.asked),
            grouped(rate(packets, self.begun.elapsed())),
        );
        let mut out = io::stdout().lock();
        if self.live {
            write!(out, "\r\x1b[K{line}")?
        } else {
            writeln!(out, "{line}")?
        }
        out.flush()
    }

    /// Takes the line away.
    pub(super) fn end(&self) -> io::Result<()> {
        if self.live {
            print!("\r\x1b[K");
            io::stdout().flush()?;
        }
        Ok(())
    }
}

/// In a second.
pub(super) fn rate(count: u64, time: Duration) -> u64 {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
    count.saturating_mul(1000) / millis
}

/// With a comma after each three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
