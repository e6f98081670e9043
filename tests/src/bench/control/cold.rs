//! From nothing to enforcing, and what it takes in memory.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::{
    process,
    size::{Effort, What},
    world::World,
};
use crate::{
    agent::{Agent, get},
    bench::recorder::{Figure, Recorder},
    poll,
};

/// The cases, without the size.
pub(super) const CASES: [&str; 6] =
    ["start/ready", "start/cpu", "memory/resident", "memory/maps", "maps/count", "writes/start"];

/// How long a start may take at all.
const DEADLINE: Duration = Duration::from_secs(120);

/// Starts the agent some times; the last one goes on.
pub(super) fn run(world: &World<'_>, effort: Effort, out: &mut Recorder) -> Result<Agent> {
    let begun = Instant::now();
    let (mut times, mut ran, mut resident, mut peaks, mut writes) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    loop {
        let start = Instant::now();
        let mut agent = world.start()?;
        let (heard, operations) = enforced(world, &mut agent)?;
        times.push(heard.duration_since(start).as_secs_f64() * 1e3);
        ran.push(process::ran(agent.pid())?);
        poll::until(DEADLINE, "it says that it is ready", || {
            get(world.lab, &agent, "/readyz").ok().filter(|(code, _)| *code == 200)
        })?;
        resident.push(process::memory(agent.pid(), "VmRSS")?);
        peaks.push(process::memory(agent.pid(), "VmHWM")?);
        writes.push(f64::from(u32::try_from(operations)?));
        if times.len() < effort.starts && begun.elapsed() < effort.limit {
            continue;
        }
        let (count, bytes) = process::maps(agent.pid())?;
        note(world, out, ("start/ready", "time", "ms"), times)?;
        note(world, out, ("start/cpu", "time", "ms"), ran)?;
        note(world, out, ("memory/resident", "after sync", "MiB"), resident)?;
        note(world, out, ("memory/resident", "peak of the start", "MiB"), peaks)?;
        note(world, out, ("memory/maps", "memory", "MiB"), vec![bytes])?;
        note(world, out, ("maps/count", "count", "maps"), vec![f64::from(u32::try_from(count)?)])?;
        note(world, out, ("writes/start", "count", "writes"), writes)?;
        return Ok(agent);
    }
}

/// What it has in memory after all changes.
pub(super) fn run_after(world: &World<'_>, agent: &Agent, out: &mut Recorder) -> Result<()> {
    let figure = |field| process::memory(agent.pid(), field);
    note(world, out, ("memory/resident", "after changes", "MiB"), vec![figure("VmRSS")?])?;
    note(world, out, ("memory/resident", "peak", "MiB"), vec![figure("VmHWM")?])
}

/// Waits until all local pods are enforced under all policies: when that was heard, and the writes up to it.
fn enforced(world: &World<'_>, agent: &mut Agent) -> Result<(Instant, u64)> {
    let (pods, policies) = (u64::try_from(world.size.local())?, u64::try_from(world.size.policies)? + 1);
    let found = poll::until(DEADLINE, "all local pods are enforced", || {
        if let Err(error) = agent.check() {
            return Some(Err(error));
        }
        let said = agent.said();
        let mut writes = 0;
        for (heard, applied) in said.applied() {
            writes += applied.operations;
            if applied.endpoints == pods && applied.policies == policies {
                return Some(Ok((heard, writes)));
            }
        }
        None
    })?;
    if let Ok((_, 0)) = found {
        bail!("it wrote nothing");
    }
    found
}

fn note(
    world: &World<'_>,
    out: &mut Recorder,
    (what, metric, unit): (&'static str, &'static str, &str),
    figures: Vec<f64>,
) -> Result<()> {
    let case = world.size.case(what);
    if out.wants(&case) {
        let bar = world.size.bar(What { case: what, metric });
        out.note(Figure { case: &case, metric, unit, bar }, figures, None)?;
    }
    Ok(())
}
