//! What the programs cost between two pods, through real veths and routes: client pod → node → server pod, each a
//! network namespace, none with a way out.
//!
//! Each variant has a pair of pods of its own, wired alike: only what is attached to them differs, and for some the
//! node, which tracks connections as one with kube-proxy does. So all are there at once, and they take turns within
//! a round.

mod connections;
mod latency;
mod packets;
mod pair;
mod policies;
mod sockets;
mod streams;
mod turns;
mod variant;

use std::collections::BTreeMap;

use super::{Run, recorder::Recorder, result::Measurement};
use crate::lab;
use pair::Pairs;
use turns::Turns;

/// Runs the suite.
pub(super) fn run(run: &Run) -> anyhow::Result<(Vec<Measurement>, BTreeMap<String, String>)> {
    // Before any other thread starts.
    lab::clean_up_on_signals()?;
    let mut pairs = Pairs::build()?;
    let mut out = Recorder::new("forward", run.only.as_deref());
    let turns = Turns { rounds: if run.quick { 2 } else { 11 }, quick: run.quick };
    packets::run(&pairs, turns, &mut out)?;
    connections::run(&pairs, turns, &mut out)?;
    latency::run(&pairs, turns, &mut out)?;
    let iperf = streams::run(&pairs, turns, &mut out)?;
    pairs.check_agents()?;
    let mut versions = BTreeMap::from([("enforcer".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]);
    versions.extend(iperf.map(|version| ("iperf3".to_owned(), version)));
    Ok((out.finish(), versions))
}
