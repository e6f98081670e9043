//! The wait for running programs, of which a change has several: as the agent waits, against the membarrier alone.

use std::time::Instant;

use anyhow::Result;
use enforcer::dataplane::GraceWait;

use super::size::Effort;
use crate::bench::recorder::{Figure, Recorder};

const CASE: &str = "wait-for-programs";

pub(super) fn run(effort: Effort, out: &mut Recorder) -> Result<()> {
    if !out.wants(CASE) {
        return Ok(());
    }
    let grace = GraceWait::start();
    let (mut waits, mut barriers) = (Vec::new(), Vec::new());
    // In turns; the first of each is not counted.
    for turn in 0..=effort.changes {
        let begun = Instant::now();
        grace.wait();
        let waited = begun.elapsed();
        let begun = Instant::now();
        grace.wait_for_barrier();
        if turn > 0 {
            waits.push(waited.as_secs_f64() * 1e3);
            barriers.push(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    let figure = Figure { case: CASE, metric: "time", unit: "ms", bar: None };
    out.note(figure, waits, Some(("membarrier", &barriers)))?;
    Ok(())
}
