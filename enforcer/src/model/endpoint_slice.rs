//! `EndpointSlice`s: where a Service's backends are.

use std::{collections::BTreeSet, net::IpAddr};

use super::{ObjectName, Protocol};

/// A slice of a Service's backends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointSlice {
    /// Namespace and name.
    pub name: ObjectName,
    /// The Service of the same namespace that the label `kubernetes.io/service-name` names.
    pub service: Option<String>,
    /// `addressType`
    pub address_type: AddressType,
    /// `endpoints`
    pub endpoints: Vec<SliceEndpoint>,
    /// `ports`, which all endpoints of the slice have.
    pub ports: Vec<SlicePort>,
}

/// What the addresses of a slice are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressType {
    /// IPv4 addresses.
    Ipv4,
    /// IPv6 addresses.
    Ipv6,
    /// Names, to which no packet leads.
    Fqdn,
}

/// One backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceEndpoint {
    /// `addresses`; empty in a slice of names.
    pub addresses: BTreeSet<IpAddr>,
    /// `conditions.ready`; missing is true.
    pub ready: bool,
    /// `conditions.serving`; missing is true.
    pub serving: bool,
    /// `conditions.terminating`; missing is false.
    pub terminating: bool,
}

/// One port of a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlicePort {
    /// `name`: that of the Service port; `None` when it is missing or empty.
    pub name: Option<String>,
    /// `protocol`
    pub protocol: Protocol,
    /// `port`; `None` is every port.
    pub port: Option<u16>,
}
