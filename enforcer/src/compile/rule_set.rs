//! Which policies isolate a pod, with their rules: the content of a rule set.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{ResolvedPeer, ResolvedPorts, VirtualPoints};
use crate::{
    model::{Direction, NamedPort, ObjectName, Pod, Policy},
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
#[cfg_attr(feature = "agent", derive(serde::Serialize, serde::Deserialize))]
pub struct PolicySide {
    /// The policy.
    pub policy: ObjectName,
    /// Its rules, in its order.
    pub rules: Vec<ResolvedRule>,
}

/// A rule with its peers resolved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "agent", derive(serde::Serialize, serde::Deserialize))]
pub struct ResolvedRule {
    /// `None` matches every address.
    pub peers: Option<BTreeSet<ResolvedPeer>>,
    /// The destination ports.
    pub ports: ResolvedPorts,
}

impl PolicySide {
    /// With the names of its ports resolved on a pod; shared where it has none.
    fn resolve(self: &Arc<Self>, pod: &Pod) -> Arc<Self> {
        if self.rules.iter().all(|rule| rule.ports.names().next().is_none()) {
            return Arc::clone(self);
        }
        let rules = self
            .rules
            .iter()
            .map(|rule| ResolvedRule { peers: rule.peers.clone(), ports: rule.ports.resolve(pod) });
        Arc::new(Self { policy: self.policy.clone(), rules: rules.collect() })
    }
}

/// A policy with its resolved sides, made once for all the pods that it selects, and not at all when it selects none of
/// this node. Only names of ingress ports differ from pod to pod.
struct Sides<'a> {
    policy: &'a Policy,
    ingress: OnceCell<Option<Arc<PolicySide>>>,
    egress: OnceCell<Option<Arc<PolicySide>>>,
}

impl<'a> Sides<'a> {
    fn new(policy: &'a Policy) -> Self {
        Self { policy, ingress: OnceCell::new(), egress: OnceCell::new() }
    }

    fn side(&self, direction: Direction) -> Option<&Arc<PolicySide>> {
        let cell = match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        };
        cell.get_or_init(|| resolve(self.policy, direction)).as_ref()
    }
}

fn resolve(policy: &Policy, direction: Direction) -> Option<Arc<PolicySide>> {
    let rules = policy.rules(direction)?.iter().map(|rule| ResolvedRule {
        peers: rule
            .peers
            .as_ref()
            .map(|peers| peers.iter().map(|peer| ResolvedPeer::new(peer, &policy.name.namespace)).collect()),
        ports: ResolvedPorts::new(&rule.ports),
    });
    Some(Arc::new(PolicySide { policy: policy.name.clone(), rules: rules.collect() }))
}

/// The policies of the namespaces that were asked for.
pub(super) struct PoliciesByNamespace<'a> {
    cluster: &'a Cluster,
    asked: BTreeMap<&'a str, Vec<Sides<'a>>>,
}

impl<'a> PoliciesByNamespace<'a> {
    pub(super) fn new(cluster: &'a Cluster) -> Self {
        Self { cluster, asked: BTreeMap::new() }
    }

    fn of(&mut self, namespace: &'a str) -> &[Sides<'a>] {
        let policies = &self.cluster.policies;
        // They lie side by side, in the order of their names.
        self.asked.entry(namespace).or_insert_with(|| {
            let all = policies.range(ObjectName::new(namespace, "")..).map(|(_, policy)| policy);
            all.take_while(|policy| policy.name.namespace == namespace).map(Sides::new).collect()
        })
    }

    /// The rules of a pod whose labels nobody knows: those of no labels would be more open. Every policy of the namespace
    /// isolates it, and none allows anything; `None` when there is no policy.
    pub(super) fn strictest(&mut self, namespace: &'a str) -> Option<RuleSet> {
        let mut rules = RuleSet::default();
        for side in self.of(namespace) {
            let closed = |side: &Arc<PolicySide>| {
                Arc::new(PolicySide { policy: side.policy.clone(), rules: Vec::new() })
            };
            rules.ingress.extend(side.side(Direction::Ingress).map(closed));
            rules.egress.extend(side.side(Direction::Egress).map(closed));
        }
        (rules != RuleSet::default()).then_some(rules)
    }

    /// The rules of a pod; `None` when no policy selects it.
    pub(super) fn select(&mut self, pod: &'a Pod) -> Option<RuleSet> {
        let sides = self.of(&pod.name.namespace);
        let mut rules = RuleSet::default();
        for side in sides.iter().filter(|side| side.policy.pod_selector.matches(&pod.labels)) {
            rules.ingress.extend(side.side(Direction::Ingress).map(|ingress| ingress.resolve(pod)));
            rules.egress.extend(side.side(Direction::Egress).cloned());
        }
        (rules != RuleSet::default()).then_some(rules)
    }
}

/// All rules of rule sets. Sides are shared between rule sets: each is looked at once.
pub(super) fn rules<'a>(rule_sets: impl Iterator<Item = &'a RuleSet>) -> Vec<&'a ResolvedRule> {
    let sides: BTreeSet<&PolicySide> =
        rule_sets.flat_map(|rules| rules.ingress.iter().chain(&rules.egress)).map(AsRef::as_ref).collect();
    sides.into_iter().flat_map(|side| &side.rules).collect()
}

/// The distinct peers of rules, in order.
pub(super) fn peers(rules: &[&ResolvedRule]) -> Vec<ResolvedPeer> {
    let peers: BTreeSet<&ResolvedPeer> =
        rules.iter().filter_map(|rule| rule.peers.as_ref()).flatten().collect();
    peers.into_iter().cloned().collect()
}

/// The distinct named ports that are left in rules, in order.
pub(super) fn names(rules: &[&ResolvedRule]) -> Vec<NamedPort> {
    let names: BTreeSet<&NamedPort> = rules.iter().flat_map(|rule| rule.ports.names()).collect();
    names.into_iter().cloned().collect()
}
