//! Changes of a cluster, from a single rule to a pod that is gone.

use std::{collections::BTreeSet, net::IpAddr};

use enforcer::{
    model::{
        ClusterEvent, ContainerPort, Direction, Kind, Labels, Object, ObjectKey, ObjectName, Pod, PodState,
        Policy, Rule,
    },
    store::Cluster,
};
use proptest::{
    prelude::*,
    sample::{Index, select},
};

use super::{
    choice::pick,
    cluster::namespace,
    label::labels,
    pod::{self, pod},
    policy::{policy, rule},
    port::container_ports,
    service_edit::{ServiceEdit, service_edit},
    universe::NAMESPACES,
};

/// A change. Indices stand for whatever the cluster has when it is applied.
#[derive(Debug, Clone)]
pub enum Edit {
    /// A policy comes, or replaces the one of its name.
    PutPolicy(Policy),
    /// A policy goes.
    RemovePolicy(Index),
    /// A policy isolates a direction, or gets one more rule there.
    AddRule(Index, Direction, Rule),
    /// A policy loses a rule, or stops isolating when it has none.
    RemoveRule(Index, Direction, Index),
    /// A pod comes, or replaces the one of its name.
    PutPod(Pod),
    /// A pod goes.
    RemovePod(Index),
    /// A pod has other labels.
    RelabelPod(Index, Labels),
    /// A pod has other addresses, or none.
    MovePod(Index, BTreeSet<IpAddr>),
    /// A pod's containers have other ports.
    RepurposePod(Index, Vec<ContainerPort>),
    /// A pod is in another state.
    AgePod(Index, PodState),
    /// A namespace has other labels.
    RelabelNamespace(&'static str, Labels),
    /// Something about a Service.
    Service(ServiceEdit),
}

/// A cluster after these changes, one after the other.
#[must_use]
pub fn edited(cluster: &Cluster, edits: &[Edit]) -> Cluster {
    let mut cluster = cluster.clone();
    for edit in edits {
        if let Some(event) = edit.event(&cluster) {
            cluster.apply(event);
        }
    }
    cluster
}

/// Any change.
pub fn edit() -> impl Strategy<Value = Edit> {
    let index = any::<Index>;
    let direction = || select(&Direction::ALL[..]);
    prop_oneof![
        4 => policy().prop_map(Edit::PutPolicy),
        2 => index().prop_map(Edit::RemovePolicy),
        3 => (index(), direction(), rule())
            .prop_map(|(policy, direction, rule)| Edit::AddRule(policy, direction, rule)),
        3 => (index(), direction(), index())
            .prop_map(|(policy, direction, rule)| Edit::RemoveRule(policy, direction, rule)),
        1 => pod().prop_map(Edit::PutPod),
        1 => index().prop_map(Edit::RemovePod),
        4 => (index(), labels()).prop_map(|(pod, labels)| Edit::RelabelPod(pod, labels)),
        1 => (index(), pod::addresses()).prop_map(|(pod, addresses)| Edit::MovePod(pod, addresses)),
        2 => (index(), container_ports()).prop_map(|(pod, ports)| Edit::RepurposePod(pod, ports)),
        3 => (index(), pod::state()).prop_map(|(pod, state)| Edit::AgePod(pod, state)),
        2 => (select(&NAMESPACES[..]), labels())
            .prop_map(|(name, labels)| Edit::RelabelNamespace(name, labels)),
        16 => service_edit().prop_map(Edit::Service),
    ]
}

impl Edit {
    /// The event that makes this change; `None` when there is nothing that it could change.
    #[must_use]
    pub fn event(&self, cluster: &Cluster) -> Option<ClusterEvent> {
        match self {
            Self::PutPolicy(policy) => Some(put(Object::Policy(policy.clone()))),
            Self::RemovePolicy(index) => Some(delete(Kind::NetworkPolicy, &any_policy(cluster, index)?.name)),
            Self::AddRule(index, direction, rule) => change_rules(cluster, index, *direction, |rules| {
                rules.get_or_insert_default().push(rule.clone());
            }),
            Self::RemoveRule(index, direction, which) => {
                change_rules(cluster, index, *direction, |rules| match rules {
                    Some(list) if !list.is_empty() => {
                        list.remove(which.index(list.len()));
                    }
                    Some(_) | None => *rules = None,
                })
            }
            Self::PutPod(pod) => {
                // One name in two namespaces would be two pods, and the cluster would grow.
                let same = |other: &&Pod| other.name.name == pod.name.name;
                let name = cluster.pods.values().find(same).map_or(&pod.name, |other| &other.name);
                Some(put(Object::Pod(Pod { name: name.clone(), ..pod.clone() })))
            }
            Self::RemovePod(index) => Some(delete(Kind::Pod, &any_pod(cluster, index)?.name)),
            Self::RelabelPod(index, labels) => {
                change_pod(cluster, index, |pod| pod.labels.clone_from(labels))
            }
            Self::MovePod(index, addresses) => change_pod(cluster, index, |pod| {
                if !pod.host_network {
                    pod.addresses.clone_from(addresses);
                }
            }),
            Self::RepurposePod(index, ports) => change_pod(cluster, index, |pod| pod.ports.clone_from(ports)),
            Self::AgePod(index, state) => change_pod(cluster, index, |pod| pod.state = *state),
            Self::RelabelNamespace(name, labels) => {
                Some(put(Object::Namespace(namespace(name, labels.clone()))))
            }
            Self::Service(edit) => edit.event(cluster),
        }
    }
}

/// The event that takes this one back; `None` of a reset.
pub(super) fn inverse(before: &Cluster, event: &ClusterEvent) -> Option<ClusterEvent> {
    let key = match event {
        ClusterEvent::Apply(object) => object.key(),
        ClusterEvent::Delete(key) => key.clone(),
        ClusterEvent::Reset(_) | ClusterEvent::ResetKind { .. } => return None,
    };
    let old = match key.kind {
        Kind::Namespace => before.namespaces.get(&key.name.name).cloned().map(Object::Namespace),
        Kind::Pod => before.pods.get(&key.name).cloned().map(Object::Pod),
        Kind::NetworkPolicy => before.policies.get(&key.name).cloned().map(Object::Policy),
        Kind::Service => before.services.get(&key.name).cloned().map(Object::Service),
        Kind::EndpointSlice => before.endpoint_slices.get(&key.name).cloned().map(Object::EndpointSlice),
        Kind::Node => before.nodes.get(&key.name.name).cloned().map(Object::Node),
    };
    Some(old.map_or(ClusterEvent::Delete(key), ClusterEvent::Apply))
}

pub(super) fn put(object: Object) -> ClusterEvent {
    ClusterEvent::Apply(object)
}

pub(super) fn delete(kind: Kind, name: &ObjectName) -> ClusterEvent {
    ClusterEvent::Delete(ObjectKey { kind, name: name.clone() })
}

fn any_policy<'a>(cluster: &'a Cluster, index: &Index) -> Option<&'a Policy> {
    let policies: Vec<&Policy> = cluster.policies.values().collect();
    pick(index, &policies).copied()
}

fn any_pod<'a>(cluster: &'a Cluster, index: &Index) -> Option<&'a Pod> {
    let pods: Vec<&Pod> = cluster.pods.values().collect();
    pick(index, &pods).copied()
}

fn change_pod(cluster: &Cluster, index: &Index, change: impl FnOnce(&mut Pod)) -> Option<ClusterEvent> {
    let mut pod = any_pod(cluster, index)?.clone();
    change(&mut pod);
    Some(put(Object::Pod(pod)))
}

fn change_rules(
    cluster: &Cluster,
    index: &Index,
    direction: Direction,
    change: impl FnOnce(&mut Option<Vec<Rule>>),
) -> Option<ClusterEvent> {
    let mut policy = any_policy(cluster, index)?.clone();
    change(match direction {
        Direction::Ingress => &mut policy.ingress,
        Direction::Egress => &mut policy.egress,
    });
    Some(put(Object::Policy(policy)))
}
