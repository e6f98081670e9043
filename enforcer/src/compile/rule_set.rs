//! Which policies isolate a pod, with their rules: the content of a rule set.

use std::{collections::BTreeSet, sync::Arc};

use super::{ResolvedPeer, VirtualPoints};
use crate::{
    model::{Direction, ObjectName, Pod, Policy, Ports},
    store::Cluster,
};

/// The rules of an endpoint. Endpoints with equal rules share one rule set.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleSet {
    /// The policies that isolate ingress, by name; empty when none does.
    pub ingress: Vec<Arc<PolicySide>>,
    /// The policies that isolate egress, by name; empty when none does.
    pub egress: Vec<Arc<PolicySide>>,
    /// Ports of Services that open to the pod for its own sake, where the rules alone would not open them.
    pub own: VirtualPoints,
}

impl RuleSet {
    /// Whether the rules for flows that the pod opens are the same, whatever opens for the pod's own sake.
    #[must_use]
    pub fn has_egress_of(&self, other: &Self) -> bool {
        self.egress == other.egress
    }

    /// The policies that isolate a direction.
    #[must_use]
    pub fn sides(&self, direction: Direction) -> &[Arc<PolicySide>] {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    /// Whether a direction is isolated.
    #[must_use]
    pub fn isolates(&self, direction: Direction) -> bool {
        !self.sides(direction).is_empty()
    }
}

/// One direction of one policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicySide {
    /// The policy.
    pub policy: ObjectName,
    /// Its rules, in its order.
    pub rules: Vec<ResolvedRule>,
}

/// A rule with its peers resolved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResolvedRule {
    /// `None` matches every address.
    pub peers: Option<BTreeSet<ResolvedPeer>>,
    /// The destination ports.
    pub ports: Ports,
}

/// A policy with its resolved sides, made once for all the pods that it selects.
pub(super) struct Sides<'a> {
    policy: &'a Policy,
    ingress: Option<Arc<PolicySide>>,
    egress: Option<Arc<PolicySide>>,
}

/// Resolves all policies, in the order of their names.
pub(super) fn sides(cluster: &Cluster) -> Vec<Sides<'_>> {
    let side = |policy: &Policy, direction| {
        let rules = policy.rules(direction)?.iter().map(|rule| ResolvedRule {
            peers: rule.peers.as_ref().map(|peers| {
                peers.iter().map(|peer| ResolvedPeer::new(peer, &policy.name.namespace)).collect()
            }),
            ports: rule.ports.clone(),
        });
        Some(Arc::new(PolicySide { policy: policy.name.clone(), rules: rules.collect() }))
    };
    cluster
        .policies
        .values()
        .map(|policy| Sides {
            policy,
            ingress: side(policy, Direction::Ingress),
            egress: side(policy, Direction::Egress),
        })
        .collect()
}

/// The rules of a pod; `None` when no policy selects it.
pub(super) fn select(sides: &[Sides<'_>], pod: &Pod) -> Option<RuleSet> {
    let mut rules = RuleSet::default();
    for side in sides {
        let Policy { name, pod_selector, .. } = side.policy;
        if name.namespace == pod.name.namespace && pod_selector.matches(&pod.labels) {
            rules.ingress.extend(side.ingress.clone());
            rules.egress.extend(side.egress.clone());
        }
    }
    (rules != RuleSet::default()).then_some(rules)
}

/// The distinct peers of rules, in order.
pub(super) fn peers<'a>(rule_sets: impl Iterator<Item = &'a RuleSet>) -> Vec<ResolvedPeer> {
    // Sides are shared between rule sets: look at each once.
    let sides: BTreeSet<&PolicySide> =
        rule_sets.flat_map(|rules| rules.ingress.iter().chain(&rules.egress)).map(AsRef::as_ref).collect();
    let peers: BTreeSet<&ResolvedPeer> =
        sides.iter().flat_map(|side| &side.rules).filter_map(|rule| rule.peers.as_ref()).flatten().collect();
    peers.into_iter().cloned().collect()
}
