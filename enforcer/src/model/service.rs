//! Services, cut down to what a verdict depends on.

use std::{collections::BTreeSet, net::IpAddr};

use super::{Labels, ObjectName, Protocol};

/// A Service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// Namespace and name.
    pub name: ObjectName,
    /// `spec.selector`; `None` when it has none.
    pub selector: Option<Labels>,
    /// `spec.ports`
    pub ports: Vec<ServicePort>,
    /// `spec.clusterIPs`, without `None`.
    pub cluster_ips: BTreeSet<IpAddr>,
}

/// One port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePort {
    /// `name`, if it has one.
    pub name: Option<String>,
    /// `protocol`
    pub protocol: Protocol,
    /// `port`
    pub port: u16,
    /// `targetPort`; the same as `port` when missing.
    pub target: TargetPort,
}

/// Where a Service port leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetPort {
    /// A number.
    Number(u16),
    /// The name of a container port of each backend.
    Name(String),
}
