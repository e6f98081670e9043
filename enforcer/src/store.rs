//! Folds a source's events into a snapshot of the cluster.

use std::{
    collections::{BTreeMap, BTreeSet},
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
            ClusterEvent::ResetKind { kind, objects, kept } => self.reset(kind, objects, &kept),
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

    fn reset(&mut self, kind: Kind, objects: Vec<Object>, kept: &BTreeSet<ObjectName>) -> bool {
        let stays: BTreeSet<ObjectName> = objects
            .iter()
            .map(Object::key)
            .filter(|key| key.kind == kind)
            .map(|key| key.name)
            .chain(kept.iter().cloned())
            .collect();
        let unscoped = |name: &String| stays.contains(&ObjectName::new(String::new(), name.as_str()));
        let mut changed = match kind {
            Kind::Namespace => keep(&mut self.namespaces, unscoped),
            Kind::Pod => keep(&mut self.pods, |name| stays.contains(name)),
            Kind::NetworkPolicy => keep(&mut self.policies, |name| stays.contains(name)),
            Kind::Service => keep(&mut self.services, |name| stays.contains(name)),
            Kind::EndpointSlice => keep(&mut self.endpoint_slices, |name| stays.contains(name)),
            Kind::Node => keep(&mut self.nodes, unscoped),
        };
        for object in objects {
            changed |= self.insert(object);
        }
        changed
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

/// Removes all others; whether there were any.
fn keep<K: Ord, V>(map: &mut BTreeMap<K, V>, stays: impl Fn(&K) -> bool) -> bool {
    let before = map.len();
    map.retain(|key, _| stays(key));
    map.len() != before
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
