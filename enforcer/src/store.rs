//! Folds a source's events into a snapshot of the cluster.

use std::{collections::BTreeMap, net::IpAddr};

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
    /// Folds one event in.
    pub fn apply(&mut self, event: ClusterEvent) {
        match event {
            ClusterEvent::Apply(object) => self.insert(object),
            ClusterEvent::Delete(key) => self.remove(&key),
            ClusterEvent::Reset(objects) => {
                *self = Self { aliases: std::mem::take(&mut self.aliases), ..Self::default() };
                for object in objects {
                    self.insert(object);
                }
            }
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

    fn insert(&mut self, object: Object) {
        match object {
            Object::Namespace(namespace) => {
                self.namespaces.insert(namespace.name.clone(), namespace);
            }
            Object::Pod(pod) => {
                self.pods.insert(pod.name.clone(), pod);
            }
            Object::Policy(policy) => {
                self.policies.insert(policy.name.clone(), policy);
            }
            Object::Service(service) => {
                self.services.insert(service.name.clone(), service);
            }
            Object::EndpointSlice(slice) => {
                self.endpoint_slices.insert(slice.name.clone(), slice);
            }
            Object::Node(node) => {
                self.nodes.insert(node.name.clone(), node);
            }
        }
    }

    fn remove(&mut self, key: &ObjectKey) {
        match key.kind {
            Kind::Namespace => {
                self.namespaces.remove(&key.name.name);
            }
            Kind::Pod => {
                self.pods.remove(&key.name);
            }
            Kind::NetworkPolicy => {
                self.policies.remove(&key.name);
            }
            Kind::Service => {
                self.services.remove(&key.name);
            }
            Kind::EndpointSlice => {
                self.endpoint_slices.remove(&key.name);
            }
            Kind::Node => {
                self.nodes.remove(&key.name.name);
            }
        }
    }
}
