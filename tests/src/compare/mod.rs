//! Judges generated cases on a node and by the oracle, and says where they differ.

mod all;
mod cases;
mod histories;
mod steps;
mod stories;

pub use all::compare_all;
pub use cases::{compare_case, compare_recovery};
pub use histories::compare_history;
pub use steps::{Judged, compare_steps};
pub use stories::compare_story;

use std::collections::BTreeSet;

use anyhow::ensure;
use enforcer::{
    model::{Direction, Endpoint},
    plan::RuleName,
    store::Cluster,
};
use enforcer_common::Reason;

use crate::{
    node::{Node, Seen, Target},
    oracle::Answer,
};

/// Endpoints for every pod that is on the pod network and has addresses, numbered from `first`.
#[must_use]
pub fn endpoints(cluster: &Cluster, first: u32) -> Vec<Endpoint> {
    let pods = cluster.pods.values().filter(|pod| pod.is_on_pod_network() && !pod.addresses.is_empty());
    (first..)
        .zip(pods)
        .map(|(interface_index, pod)| Endpoint {
            pod: pod.name.clone(),
            interface_index,
            interface: format!("veth{interface_index}"),
            addresses: pod.addresses.clone(),
            ..Endpoint::default()
        })
        .collect()
}

/// Whether what was seen of an opening packet is what the oracle answers: the verdict; and of a drop the
/// reason, and the isolating policies behind the rule id.
fn agree<T: Target>(
    node: &Node<T>,
    seen: &Seen,
    direction: Direction,
    answer: &Answer,
) -> anyhow::Result<()> {
    ensure!(seen.passed == answer.passes(), "the oracle says {answer:?}, but it is {seen}");
    ensure!(seen.passed == seen.event.is_none(), "a drop has one event and a pass has none: {seen}");
    if let (Answer::Denied { isolating }, Some(event)) = (answer, seen.event) {
        ensure!(event.reason == Reason::Policy as u8, "dropped for reason {}", event.reason);
        let name = node.rule(event.rule);
        let Some(RuleName::Isolated { direction: named, policies }) = name.map(AsRef::as_ref) else {
            anyhow::bail!("rule {} is {name:?}, not an implicit deny", event.rule);
        };
        ensure!(*named == direction, "the deny is named as {named}");
        let policies: BTreeSet<_> = policies.iter().cloned().collect();
        ensure!(policies == *isolating, "isolated by {isolating:?}, but it is said {policies:?}");
    }
    Ok(())
}
