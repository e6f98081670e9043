//! From a policy write to the first connection with the new verdict.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use super::{
    changes, objects, prober,
    size::{Effort, What},
    world::World,
};
use crate::{
    agent::Agent,
    bench::recorder::{Figure, Recorder},
    poll,
};

/// The cases, without the size.
pub(super) const CASES: [&str; 2] = ["first-connection/allow", "first-connection/deny"];

/// Connections before the write: the prober is under way.
const BEFORE: u32 = 5;

/// Milliseconds of the changes towards one verdict.
#[derive(Default)]
struct Taken {
    changes: Vec<f64>,
    resolution: Vec<f64>,
}

pub(super) fn run(world: &World<'_>, agent: &mut Agent, effort: Effort, out: &mut Recorder) -> Result<()> {
    let cases = CASES.map(|what| world.size.case(what));
    if !out.wants_any(&cases) {
        return Ok(());
    }
    let (_, server, at) = world.ends()?;
    let listener = server.enter(|| {
        let listener = TcpListener::bind(at)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    })?;
    let begun = Instant::now();
    let mut taken = [Taken::default(), Taken::default()];
    // It begins allowed. One more of each is not counted.
    for turn in 0..=effort.turns {
        if turn > 1 && begun.elapsed() > 2 * effort.limit {
            break;
        }
        for (opens, taken) in [false, true].into_iter().zip(&mut taken) {
            let (change, resolution) = change(world, agent, &listener, opens)?;
            if turn > 0 {
                taken.changes.push(change);
                taken.resolution.push(resolution);
            }
        }
    }
    let [deny, allow] = taken;
    for (what, Taken { changes, resolution }) in CASES.into_iter().zip([allow, deny]) {
        let case = world.size.case(what);
        if !out.wants(&case) {
            continue;
        }
        for (at, metric) in [(0.5, "p50"), (0.9, "p90")] {
            let bar = world.size.bar(What { case: what, metric });
            out.note_at(Figure { case: &case, metric, unit: "ms", bar }, at, changes.clone())?;
        }
        out.note(
            Figure { case: &case, metric: "between attempts", unit: "ms", bar: None },
            resolution,
            None,
        )?;
    }
    Ok(())
}

/// One change of the policy: milliseconds from the write, and between two attempts of the prober.
fn change(world: &World<'_>, agent: &mut Agent, listener: &TcpListener, opens: bool) -> Result<(f64, f64)> {
    let (client, _, at) = world.ends()?;
    let attempts = AtomicU32::new(0);
    let revision = agent.revision();
    let (start, found) = thread::scope(|scope| -> Result<_> {
        let prober = scope.spawn(|| client.enter(|| prober::probe(at, listener, opens, &attempts)));
        poll::until(Duration::from_secs(10), "the prober is under way", || {
            (attempts.load(Ordering::Relaxed) >= BEFORE || prober.is_finished()).then_some(())
        })?;
        let start = Instant::now();
        world.server.put(objects::probe_policy(opens))?;
        let found = prober.join().unwrap_or_else(|panicked| std::panic::resume_unwind(panicked))?;
        Ok((start, found))
    })?;
    if found.at <= start {
        bail!("a connection had the new verdict before there was one");
    }
    // All of it is in force before the next one.
    changes::heard(agent, revision)?;
    Ok((found.at.duration_since(start).as_secs_f64() * 1e3, found.resolution))
}
