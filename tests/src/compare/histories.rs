//! Packets of flows and changes in between: the stateful oracle against the node.

use crate::{
    frame,
    generate::{History, Step},
    node::{Node, Target},
    oracle::flow::{FlowOracle, Outcome},
};

/// Plays a history on the node and for the oracle. Returns how many packets were compared.
///
/// # Errors
/// With the step, where they differ.
pub fn compare_history<T: Target>(node: &mut Node<T>, history: &History) -> anyhow::Result<u64> {
    let endpoint = &history.endpoint;
    let endpoints = std::slice::from_ref(endpoint);
    let mut cluster = history.cluster.clone();
    node.target.forget_flows()?;
    node.update(&cluster, endpoints)?;
    let mut oracle = FlowOracle::new(&cluster, endpoint);
    let mut compared = 0;
    for (index, step) in history.steps.iter().enumerate() {
        match step {
            Step::Change(event) => {
                cluster.apply(event.clone());
                node.update(&cluster, endpoints)?;
                oracle.update(&cluster);
            }
            Step::Packet(packet) => {
                let before = oracle.entry(packet).copied();
                let expected = oracle.packet(packet);
                let seen =
                    node.judge(&frame::ethernet(packet), endpoint.interface_index, packet.direction)?;
                anyhow::ensure!(
                    seen.passed == (expected == Outcome::Pass) && seen.passed == seen.event.is_none(),
                    "step {index}, {packet:?}: the oracle says {expected:?} (its entry was {before:?}), but it is {seen}"
                );
                compared += 1;
            }
        }
    }
    Ok(compared)
}
