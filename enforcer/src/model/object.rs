//! Names of objects, and the events by which a source tells of them.

use std::{collections::BTreeSet, fmt};

use super::{EndpointSlice, Namespace, Node, Pod, Policy, Service};

/// Namespace and name of a namespaced object.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "agent", derive(serde::Serialize, serde::Deserialize))]
pub struct ObjectName {
    /// `metadata.namespace`
    pub namespace: String,
    /// `metadata.name`
    pub name: String,
}

impl ObjectName {
    /// From its two parts.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The kinds of objects that a cluster consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `v1` Namespace
    Namespace,
    /// `v1` Pod, or a pod that stands for a workload's replica
    Pod,
    /// `networking.k8s.io/v1` NetworkPolicy
    NetworkPolicy,
    /// `v1` Service
    Service,
    /// `discovery.k8s.io/v1` EndpointSlice
    EndpointSlice,
    /// `v1` Node
    Node,
}

impl Kind {
    /// All of them, in the order in which people read them.
    pub const ALL: [Self; 6] =
        [Self::Namespace, Self::Pod, Self::NetworkPolicy, Self::Service, Self::EndpointSlice, Self::Node];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Namespace => "Namespace",
            Self::Pod => "Pod",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::Service => "Service",
            Self::EndpointSlice => "EndpointSlice",
            Self::Node => "Node",
        })
    }
}

/// What identifies an object. A Namespace and a Node have an empty `name.namespace`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: ObjectName,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.namespace.is_empty() {
            write!(f, "{} {}", self.kind, self.name.name)
        } else {
            write!(f, "{} {}", self.kind, self.name)
        }
    }
}

/// An object of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// A namespace.
    Namespace(Namespace),
    /// A pod.
    Pod(Pod),
    /// A network policy.
    Policy(Policy),
    /// A service.
    Service(Service),
    /// A slice of a service's backends.
    EndpointSlice(EndpointSlice),
    /// A node.
    Node(Node),
}

impl Object {
    /// What identifies it.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        match self {
            Self::Namespace(namespace) => ObjectKey {
                kind: Kind::Namespace,
                name: ObjectName::new(String::new(), namespace.name.clone()),
            },
            Self::Pod(pod) => ObjectKey { kind: Kind::Pod, name: pod.name.clone() },
            Self::Policy(policy) => ObjectKey { kind: Kind::NetworkPolicy, name: policy.name.clone() },
            Self::Service(service) => ObjectKey { kind: Kind::Service, name: service.name.clone() },
            Self::EndpointSlice(slice) => ObjectKey { kind: Kind::EndpointSlice, name: slice.name.clone() },
            Self::Node(node) => {
                ObjectKey { kind: Kind::Node, name: ObjectName::new(String::new(), node.name.clone()) }
            }
        }
    }
}

/// What a source tells the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterEvent {
    /// The object is there, new or changed.
    Apply(Object),
    /// The object is gone.
    Delete(ObjectKey),
    /// These are all the objects there are; whatever is not among them is gone.
    Reset(Vec<Object>),
    /// The same for one kind; other kinds stay as they are.
    ResetKind {
        /// The kind.
        kind: Kind,
        /// All objects of this kind that there are, but for those of `kept`.
        objects: Vec<Object>,
        /// Objects that are there, of which nothing new can be told: they stay as they were, if they were known.
        kept: BTreeSet<ObjectName>,
    },
}
