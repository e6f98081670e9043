//! From a change to the last map write that it causes.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{
    objects, process,
    size::{Effort, Size, What},
    world::World,
};
use crate::{
    agent::{Agent, get},
    bench::recorder::{Figure, Recorder},
    poll,
};

/// The cases, without the size.
pub(super) const CASES: [&str; 6] = [
    "last-write/policy",
    "last-write/label",
    "change-cpu/policy",
    "change-cpu/label",
    "writes/policy",
    "writes/label",
];

const DEADLINE: Duration = Duration::from_secs(60);

/// A kind of change.
struct Kind {
    write: &'static str,
    cpu: &'static str,
    count: &'static str,
    object: fn(&World<'_>, bool) -> Value,
}

const KINDS: [Kind; 2] = [
    Kind {
        write: "last-write/policy",
        cpu: "change-cpu/policy",
        count: "writes/policy",
        object: |world, is_other| objects::changed_policy(world.size, if is_other { 8_081 } else { 8_080 }),
    },
    Kind {
        write: "last-write/label",
        cpu: "change-cpu/label",
        count: "writes/label",
        object: |world, is_other| objects::relabelled(world.size, is_other, |number| world.addresses(number)),
    },
];

/// What changes took, in milliseconds, and the writes of each.
#[derive(Default)]
struct Taken {
    /// From the API server's hands to the agent's record.
    outside: Vec<f64>,
    /// From the event's arrival to the last write, as the agent's own histogram has it.
    own: Vec<f64>,
    cpu: Vec<f64>,
    writes: Vec<f64>,
}

/// The sum and the count of the agent's histogram.
#[derive(Clone, Copy)]
struct Told {
    milliseconds: f64,
    count: f64,
}

pub(super) fn run(world: &World<'_>, agent: &mut Agent, effort: Effort, out: &mut Recorder) -> Result<()> {
    for kind in KINDS {
        let cases = [kind.write, kind.cpu, kind.count].map(|what| world.size.case(what));
        if !out.wants_any(&cases) {
            continue;
        }
        let taken = change(world, agent, effort, &kind)?;
        for (at, metric) in [(0.5, "p50"), (0.99, "p99")] {
            note_at(world.size, out, (kind.write, metric, "ms"), at, &taken.outside)?;
        }
        for (at, metric) in [(0.5, "p50 by the agent"), (0.99, "p99 by the agent")] {
            note_at(world.size, out, (kind.write, metric, "ms"), at, &taken.own)?;
        }
        note_at(world.size, out, (kind.cpu, "time", "ms"), 0.5, &taken.cpu)?;
        note_at(world.size, out, (kind.count, "count", "writes"), 0.5, &taken.writes)?;
    }
    Ok(())
}

fn change(world: &World<'_>, agent: &mut Agent, effort: Effort, kind: &Kind) -> Result<Taken> {
    let begun = Instant::now();
    let mut taken = Taken::default();
    // The first is not counted: it makes ids and memory that those after it find.
    for turn in 0..=effort.changes {
        if turn > 1 && begun.elapsed() > effort.limit {
            break;
        }
        let object = (kind.object)(world, turn % 2 == 0);
        let (revision, told) = (agent.revision(), told(world, agent)?);
        let ran = process::ran(agent.pid())?;
        let start = Instant::now();
        world.server.put(object)?;
        let (heard, writes) = heard(agent, revision)?;
        let (after, cpu) = (self::told(world, agent)?, process::ran(agent.pid())? - ran);
        if turn > 0 {
            taken.outside.push(heard.duration_since(start).as_secs_f64() * 1e3);
            taken.own.push((after.milliseconds - told.milliseconds) / (after.count - told.count));
            taken.cpu.push(cpu);
            taken.writes.push(writes);
        }
    }
    Ok(taken)
}

/// Waits for a revision after this one: when it was heard, and its writes.
pub(super) fn heard(agent: &mut Agent, revision: u64) -> Result<(Instant, f64)> {
    poll::until(DEADLINE, "the change is in force", || {
        if let Err(error) = agent.check() {
            return Some(Err(error));
        }
        let said = agent.said();
        let mut later = said.applied().filter(|(_, applied)| applied.revision > revision);
        let writes = |count| u32::try_from(count).map(f64::from).unwrap_or(f64::MAX);
        later.next().map(|(heard, applied)| Ok((heard, writes(applied.operations))))
    })?
}

/// Its histogram. It answers after what it is doing, so after the change that it has told of.
fn told(world: &World<'_>, agent: &Agent) -> Result<Told> {
    let (_, text) = get(world.lab, agent, "/metrics")?;
    let value = |series: &str| -> Result<f64> {
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        Ok(line.with_context(|| format!("no {series}"))?.trim().parse()?)
    };
    let milliseconds = value("enforcer_policy_programming_duration_seconds_sum")? * 1e3;
    Ok(Told { milliseconds, count: value("enforcer_policy_programming_duration_seconds_count")? })
}

fn note_at(
    size: Size,
    out: &mut Recorder,
    (what, metric, unit): (&'static str, &'static str, &str),
    at: f64,
    figures: &[f64],
) -> Result<()> {
    let case = size.case(what);
    if out.wants(&case) {
        let bar = size.bar(What { case: what, metric });
        out.note_at(Figure { case: &case, metric, unit, bar }, at, figures.to_vec())?;
    }
    Ok(())
}
