//! Folds a source's events into a snapshot of the cluster.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem::swap,
    net::IpAddr,
};

use crate::model::{
    ClusterEvent, EndpointSlice, Kind, Labels, Namespace, Node, Object, ObjectKey, ObjectName, Pod, Policy,
    Service,
};

/// Everything known of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cluster {
    /// By name.
    pub namespaces: BTreeMap<String, Namespace>,
    /// All nodes' pods.
    pub pods: BTreeMap<ObjectName, Pod>,
    /// All namespaces' policies.
    pub policies: BTreeMap<ObjectName, Policy>,
    /// All namespaces' services.
    pub services: BTreeMap<ObjectName, Service>,
    /// All namespaces' slices of backends.
    pub endpoint_slices: BTreeMap<ObjectName, EndpointSlice>,
    /// By name.
    pub nodes: BTreeMap<String, Node>,
    /// Addresses that the administrator says stand for a Service (a node-local DNS cache). No source tells
    /// of them, so no event changes them.
    pub aliases: BTreeMap<IpAddr, ObjectName>,
}

impl Cluster {
    /// Folds one event in. Returns whether that changed anything: a source tells of objects again when something
    /// changes in them that is none of our business.
    pub fn apply(&mut self, event: ClusterEvent) -> bool {
        match event {
            ClusterEvent::Apply(object) => self.insert(object),
            ClusterEvent::Delete(key) => self.remove(&key),
            ClusterEvent::Reset(objects) => {
                let old = std::mem::take(self);
                self.aliases.clone_from(&old.aliases);
                for object in objects {
                    self.insert(object);
                }
                *self != old
            }
            ClusterEvent::ResetKind { kind, objects, kept } => self.reset(kind, objects, kept),
        }
    }

    /// The labels of a namespace. The API server puts `kubernetes.io/metadata.name` on every namespace, so
    /// one that only shows in its objects' names has that label and no other.
    #[must_use]
    pub fn namespace_labels(&self, name: &str) -> Labels {
        match self.namespaces.get(name) {
            Some(namespace) => namespace.labels.clone(),
            None => Labels::from([("kubernetes.io/metadata.name".to_owned(), name.to_owned())]),
        }
    }

    fn insert(&mut self, object: Object) -> bool {
        match object {
            Object::Namespace(namespace) => put(&mut self.namespaces, namespace.name.clone(), namespace),
            Object::Pod(pod) => put(&mut self.pods, pod.name.clone(), pod),
            Object::Policy(policy) => put(&mut self.policies, policy.name.clone(), policy),
            Object::Service(service) => put(&mut self.services, service.name.clone(), service),
            Object::EndpointSlice(slice) => put(&mut self.endpoint_slices, slice.name.clone(), slice),
            Object::Node(node) => put(&mut self.nodes, node.name.clone(), node),
        }
    }

    fn remove(&mut self, key: &ObjectKey) -> bool {
        match key.kind {
            Kind::Namespace => self.namespaces.remove(&key.name.name).is_some(),
            Kind::Pod => self.pods.remove(&key.name).is_some(),
            Kind::NetworkPolicy => self.policies.remove(&key.name).is_some(),
            Kind::Service => self.services.remove(&key.name).is_some(),
            Kind::EndpointSlice => self.endpoint_slices.remove(&key.name).is_some(),
            Kind::Node => self.nodes.remove(&key.name.name).is_some(),
        }
    }

    /// Whether there is such an object.
    #[must_use]
    pub fn contains(&self, key: &ObjectKey) -> bool {
        match key.kind {
            Kind::Namespace => self.namespaces.contains_key(&key.name.name),
            Kind::Pod => self.pods.contains_key(&key.name),
            Kind::NetworkPolicy => self.policies.contains_key(&key.name),
            Kind::Service => self.services.contains_key(&key.name),
            Kind::EndpointSlice => self.endpoint_slices.contains_key(&key.name),
            Kind::Node => self.nodes.contains_key(&key.name.name),
        }
    }

    /// The names of a kind's objects. A cluster-wide one's namespace is empty.
    #[must_use]
    pub fn names(&self, kind: Kind) -> Vec<ObjectName> {
        let wide = |name: &String| ObjectName::new("", name);
        match kind {
            Kind::Namespace => self.namespaces.keys().map(wide).collect(),
            Kind::Pod => self.pods.keys().cloned().collect(),
            Kind::NetworkPolicy => self.policies.keys().cloned().collect(),
            Kind::Service => self.services.keys().cloned().collect(),
            Kind::EndpointSlice => self.endpoint_slices.keys().cloned().collect(),
            Kind::Node => self.nodes.keys().map(wide).collect(),
        }
    }

    fn reset(&mut self, kind: Kind, objects: Vec<Object>, kept: BTreeSet<ObjectName>) -> bool {
        let mut old = Self::default();
        old.swap(self, kind);
        let mut changed = false;
        for object in objects {
            changed |= !old.holds(&object);
            old.remove(&object.key());
            self.insert(object);
        }
        for name in kept {
            old.give(self, ObjectKey { kind, name });
        }
        changed || old != Self::default()
    }

    /// Exchanges all objects of a kind.
    fn swap(&mut self, other: &mut Self, kind: Kind) {
        match kind {
            Kind::Namespace => swap(&mut self.namespaces, &mut other.namespaces),
            Kind::Pod => swap(&mut self.pods, &mut other.pods),
            Kind::NetworkPolicy => swap(&mut self.policies, &mut other.policies),
            Kind::Service => swap(&mut self.services, &mut other.services),
            Kind::EndpointSlice => swap(&mut self.endpoint_slices, &mut other.endpoint_slices),
            Kind::Node => swap(&mut self.nodes, &mut other.nodes),
        }
    }

    /// Whether there is just this object.
    fn holds(&self, object: &Object) -> bool {
        match object {
            Object::Namespace(namespace) => self.namespaces.get(&namespace.name) == Some(namespace),
            Object::Pod(pod) => self.pods.get(&pod.name) == Some(pod),
            Object::Policy(policy) => self.policies.get(&policy.name) == Some(policy),
            Object::Service(service) => self.services.get(&service.name) == Some(service),
            Object::EndpointSlice(slice) => self.endpoint_slices.get(&slice.name) == Some(slice),
            Object::Node(node) => self.nodes.get(&node.name) == Some(node),
        }
    }

    /// Moves an object, if there is one that the other does not have.
    fn give(&mut self, to: &mut Self, key: ObjectKey) {
        match key.kind {
            Kind::Namespace => give(&mut self.namespaces, &mut to.namespaces, key.name.name),
            Kind::Pod => give(&mut self.pods, &mut to.pods, key.name),
            Kind::NetworkPolicy => give(&mut self.policies, &mut to.policies, key.name),
            Kind::Service => give(&mut self.services, &mut to.services, key.name),
            Kind::EndpointSlice => give(&mut self.endpoint_slices, &mut to.endpoint_slices, key.name),
            Kind::Node => give(&mut self.nodes, &mut to.nodes, key.name.name),
        }
    }
}

/// Inserts or replaces; whether the value was another one before.
fn put<K: Ord, V: PartialEq>(map: &mut BTreeMap<K, V>, key: K, value: V) -> bool {
    if map.get(&key) == Some(&value) {
        return false;
    }
    map.insert(key, value);
    true
}

fn give<K: Ord, V>(from: &mut BTreeMap<K, V>, to: &mut BTreeMap<K, V>, key: K) {
    if let Some(value) = from.remove(&key) {
        to.entry(key).or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, uid: &str) -> Object {
        Object::Pod(Pod { name: ObjectName::new("shop", name), uid: uid.to_owned(), ..Pod::default() })
    }

    fn node(name: &str) -> Object {
        Object::Node(Node { name: name.to_owned(), ..Node::default() })
    }

    fn names(cluster: &Cluster) -> Vec<String> {
        let pods = cluster.pods.values().map(|pod| format!("{}={}", pod.name.name, pod.uid));
        pods.chain(cluster.nodes.keys().cloned()).collect()
    }

    #[test]
    fn a_reset_of_a_kind_is_of_this_kind_and_keeps_what_it_is_told_to() {
        let mut cluster = Cluster::default();
        cluster.apply(ClusterEvent::Reset(vec![pod("a", "1"), pod("b", "1"), pod("c", "1"), node("n")]));
        let reset = |objects: Vec<Object>, kept: &[&str]| ClusterEvent::ResetKind {
            kind: Kind::Pod,
            objects,
            kept: kept.iter().map(|name| ObjectName::new("shop", *name)).collect(),
        };
        assert!(cluster.apply(reset(vec![pod("b", "2")], &["c", "d"])));
        assert_eq!(names(&cluster), ["b=2", "c=1", "n"]);
        assert!(!cluster.apply(reset(vec![pod("b", "2"), pod("c", "1")], &[])));
        let nodes = ClusterEvent::ResetKind { kind: Kind::Node, objects: Vec::new(), kept: BTreeSet::new() };
        assert!(cluster.apply(nodes.clone()));
        assert!(!cluster.apply(nodes));
        assert_eq!(names(&cluster), ["b=2", "c=1"]);
    }

    #[test]
    fn what_is_told_again_changes_nothing() {
        let mut cluster = Cluster::default();
        assert!(cluster.apply(ClusterEvent::Apply(pod("a", "1"))));
        assert!(!cluster.apply(ClusterEvent::Apply(pod("a", "1"))));
        assert!(cluster.apply(ClusterEvent::Apply(pod("a", "2"))));
        assert!(!cluster.apply(ClusterEvent::Reset(vec![pod("a", "2")])));
        assert!(cluster.contains(&pod("a", "").key()) && !cluster.contains(&pod("b", "").key()));
        assert!(cluster.apply(ClusterEvent::Delete(pod("a", "").key())));
        assert!(!cluster.apply(ClusterEvent::Delete(pod("a", "").key())));
    }
}
