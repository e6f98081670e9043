//! Services, cut down to what a verdict depends on.

use std::{collections::BTreeSet, net::IpAddr};

use super::{Labels, ObjectName, Protocol};

/// A Service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// Namespace and name.
    pub name: ObjectName,
    /// `spec.type`, and whether it is headless.
    pub kind: ServiceKind,
    /// `spec.selector`; `None` when it has none.
    pub selector: Option<Labels>,
    /// `spec.ports`
    pub ports: Vec<ServicePort>,
    /// `spec.clusterIPs`, without `None`.
    pub cluster_ips: BTreeSet<IpAddr>,
    /// `spec.externalIPs`
    pub external_ips: BTreeSet<IpAddr>,
    /// Addresses of `status.loadBalancer.ingress` whose `ipMode` is VIP or missing. A proxy's address is a
    /// plain one.
    pub load_balancer_ips: BTreeSet<IpAddr>,
}

/// What leads to a Service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceKind {
    /// Its cluster addresses.
    #[default]
    ClusterIp,
    /// `clusterIP: None`: names lead to the backends themselves.
    Headless,
    /// Also a port of every node.
    NodePort,
    /// Also a load balancer, and mostly a port of every node.
    LoadBalancer,
    /// A name for something elsewhere.
    ExternalName,
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
    /// `nodePort`, once there is one.
    pub node_port: Option<u16>,
}

/// Where a Service port leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetPort {
    /// A number.
    Number(u16),
    /// The name of a container port of each backend.
    Name(String),
}
