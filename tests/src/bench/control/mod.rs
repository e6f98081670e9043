//! The control plane, as users have it: the real agent on a node with pods, an API server, and a clock outside of both.
//!
//! A change begins when it is handed to the API server (in this process, so no network is between), and ends at the
//! agent's record of its last map write, or with the first connection between two pods that gets the new verdict.

mod changes;
mod cold;
mod connections;
mod grace;
mod objects;
mod prober;
mod process;
mod size;
mod world;

use std::collections::BTreeMap;

use super::{Run, recorder::Recorder, result::Measurement};
use crate::lab;
use size::{Effort, Size};
use world::World;

/// Runs the suite.
pub(super) fn run(run: &Run) -> anyhow::Result<(Vec<Measurement>, BTreeMap<String, String>)> {
    // Before any other thread starts.
    lab::clean_up_on_signals()?;
    let (sizes, effort) =
        if run.quick { (&Size::ALL[..1], Effort::QUICK) } else { (&Size::ALL[..], Effort::FULL) };
    let mut out = Recorder::new("control", run.only.as_deref());
    grace::run(effort, &mut out)?;
    let wanted: Vec<Size> = sizes.iter().copied().filter(|size| out.wants_any(&size.cases())).collect();
    if !wanted.is_empty() {
        let lab = world::pods()?;
        for size in wanted {
            measure(&lab, size, effort, &mut out)?;
        }
    }
    Ok((out.finish(), BTreeMap::from([("enforcer".to_owned(), env!("CARGO_PKG_VERSION").to_owned())])))
}

fn measure(lab: &lab::Lab, size: Size, effort: Effort, out: &mut Recorder) -> anyhow::Result<()> {
    let world = World::new(lab, size)?;
    let mut agent = cold::run(&world, effort, out)?;
    changes::run(&world, &mut agent, effort, out)?;
    connections::run(&world, &mut agent, effort, out)?;
    cold::run_after(&world, &agent, out)?;
    agent.check()
}
