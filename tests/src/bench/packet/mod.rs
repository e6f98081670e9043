//! What the programs add to a packet, by BPF_PROG_TEST_RUN: kernel programs run some hundred thousand times over, on
//! one processor, in rounds in which the empty program, the floors and ours take turns.

mod bench;
mod denied;
mod established;
mod first;
mod growth;
mod size;
mod world;

use std::collections::BTreeMap;

use super::{Run, recorder::Recorder, result::Measurement};
use bench::Bench;

/// Runs the suite.
pub(super) fn run(run: &Run) -> anyhow::Result<(Vec<Measurement>, BTreeMap<String, String>)> {
    let mut out = Recorder::new("packet", run.only.as_deref());
    let mut bench = Bench::new(run)?;
    established::run(&mut bench, &mut out)?;
    first::run(&mut bench, &mut out)?;
    denied::run(&mut bench, &mut out)?;
    growth::run(&mut bench, &mut out)?;
    size::run(&mut out)?;
    let versions = BTreeMap::from([("enforcer".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]);
    Ok((out.finish(), versions))
}
