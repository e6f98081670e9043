//! Jobs side by side, counted in their order.

use std::{
    collections::BTreeMap,
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
};

use super::{Difference, Job, Level, play::Done, play::play, progress::Progress};

/// What came of a level.
#[derive(Default)]
pub(super) struct Row {
    /// Of the jobs that count.
    pub(super) done: Done,
    /// How many these are.
    pub(super) jobs: u64,
    /// What differs, also in jobs beyond those that count.
    pub(super) differences: Vec<Difference>,
}

/// Plays jobs of a level until the asked number of packets was compared, or something differs.
pub(super) fn play_row(seed: u64, level: Level, asked: u64, threads: usize) -> anyhow::Result<Row> {
    let progress = Progress::new(level, asked);
    let (next, enough) = (AtomicU64::new(0), AtomicBool::new(false));
    let (sender, results) = mpsc::channel();
    let row = thread::scope(|scope| {
        for _ in 0..threads {
            let sender = sender.clone();
            let (progress, next, enough) = (&progress, &next, &enough);
            scope.spawn(move || {
                while !enough.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let played = play(Job { seed, level, number }, progress);
                    if sender.send((number, played)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut row = Row::default();
        let mut early = BTreeMap::new();
        loop {
            match results.recv_timeout(progress.patience()) {
                Ok((number, Ok(Ok(done)))) => {
                    early.insert(number, done);
                }
                Ok((_, Ok(Err(difference)))) => row.differences.push(difference),
                Ok((_, Err(error))) => {
                    enough.store(true, Ordering::Relaxed);
                    return Err(error);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(row),
            }
            progress.speak()?;
            while row.done.packets < asked
                && let Some(done) = early.remove(&row.jobs)
            {
                row.jobs += 1;
                row.done.packets += done.packets;
                row.done.census.merge(&done.census);
            }
            if row.done.packets >= asked || !row.differences.is_empty() {
                enough.store(true, Ordering::Relaxed);
            }
        }
    });
    progress.end()?;
    row
}
