//! Pods and namespaces, cut down to what a verdict depends on.

use std::{collections::BTreeSet, net::IpAddr};

use super::{Labels, ObjectName, Protocol};

/// A namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Namespace {
    /// `metadata.name`
    pub name: String,
    /// `metadata.labels`, with `kubernetes.io/metadata.name` as the API server sets it.
    pub labels: Labels,
}

/// A pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pod {
    /// Namespace and name.
    pub name: ObjectName,
    /// `metadata.uid`; empty where a manifest has none.
    pub uid: String,
    /// The UID by which its node knows it, where that is another one: of a static pod the API server has a mirror, and the
    /// annotation `kubernetes.io/config.hash` is the pod's own UID. Whoever may create pods can write it, so it confirms what
    /// is known by better means, and proves nothing.
    pub static_uid: Option<String>,
    /// `metadata.labels`
    pub labels: Labels,
    /// `status.podIPs`: at most one of each family. Empty until known.
    pub addresses: BTreeSet<IpAddr>,
    /// Where it is in its life.
    pub state: PodState,
    /// `status.startTime` in seconds since the Unix epoch.
    pub started: Option<i64>,
    /// `spec.nodeName` is this node.
    pub is_local: bool,
    /// `spec.hostNetwork`: it has the node's addresses, and is no subject and no peer by selector.
    pub host_network: bool,
    /// Ports of all containers that stay: `containers` and init containers with `restartPolicy: Always`.
    pub ports: Vec<ContainerPort>,
}

/// The part of a pod's life that decides whether it owns its addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PodState {
    /// Pending or running.
    #[default]
    Live,
    /// It has a `deletionTimestamp`; it still owns its addresses.
    Terminating,
    /// `status.phase` is Succeeded or Failed; its addresses are nobody's.
    Finished,
}

/// `containerPort` of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContainerPort {
    /// `name`, if it has one.
    pub name: Option<String>,
    /// `protocol`
    pub protocol: Protocol,
    /// `containerPort`
    pub port: u16,
}

impl Pod {
    /// Whether policies can select it and peers can be it: on the pod network and not finished.
    #[must_use]
    pub fn is_on_pod_network(&self) -> bool {
        !self.host_network && self.state != PodState::Finished
    }
}
