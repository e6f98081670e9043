//! Which pod is meant.

use enforcer::{model::Pod, store::Cluster};
use proptest::prelude::*;

use super::pod::NUMBERS;

/// A pod of a cluster, by number: the first from there on, going round. Unlike an index it goes on
/// meaning the same pod when others are taken away, and so the others can be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject {
    /// Any one.
    Any(u8),
    /// One that a policy selects, if there is one.
    Selected(u8),
}

/// Any pod.
pub(super) fn anybody() -> impl Strategy<Value = Subject> {
    NUMBERS.prop_map(Subject::Any)
}

/// Mostly a pod about which there is something to ask.
pub(super) fn subject() -> impl Strategy<Value = Subject> {
    prop_oneof![1 => anybody(), 2 => NUMBERS.prop_map(Subject::Selected)]
}

impl Subject {
    /// The pod, among those that are suitable.
    pub(super) fn resolve(self, cluster: &Cluster, is_suitable: impl Fn(&Pod) -> bool) -> Option<&Pod> {
        let suitable: Vec<&Pod> = cluster.pods.values().filter(|pod| is_suitable(pod)).collect();
        match self {
            Self::Any(number) => first_from(number, &suitable),
            Self::Selected(number) => {
                let selected: Vec<&Pod> =
                    suitable.iter().copied().filter(|pod| is_selected(cluster, pod)).collect();
                first_from(number, &selected).or_else(|| first_from(number, &suitable))
            }
        }
    }
}

fn first_from<'a>(number: u8, pods: &[&'a Pod]) -> Option<&'a Pod> {
    let distance = |pod: &Pod| {
        let its = pod.name.name.rsplit('-').next().and_then(|digits| digits.parse::<u8>().ok());
        its.unwrap_or_default().wrapping_sub(number) % NUMBERS.end
    };
    pods.iter().copied().min_by_key(|pod| distance(pod))
}

fn is_selected(cluster: &Cluster, pod: &Pod) -> bool {
    cluster
        .policies
        .values()
        .any(|policy| policy.name.namespace == pod.name.namespace && policy.pod_selector.matches(&pod.labels))
}
