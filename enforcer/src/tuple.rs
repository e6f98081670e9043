//! A flow at an endpoint by its addresses and ports, and the keys under which the tables have it.

use std::net::IpAddr;

use enforcer_common::{
    flow::FlowState,
    tables::{Family, FlowKey4, FlowKey6, Ports, V4, V6},
};

/// One flow at one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowTuple {
    /// Interface index of the endpoint.
    pub interface: u32,
    /// The endpoint's address.
    pub local: IpAddr,
    /// The other address, of the same family.
    pub remote: IpAddr,
    /// Both ports, as the tables have them.
    pub ports: Ports,
    /// The key's last word: the protocol, and for an echo who asks.
    pub kind: u32,
}

/// The key of a flow in the tables of its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FlowKey {
    /// IPv4
    V4(FlowKey4),
    /// IPv6
    V6(FlowKey6),
}

/// A flow that a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Whether it stands among the confirmed ones.
    pub is_confirmed: bool,
    /// What its entry says.
    pub state: FlowState,
}

impl FlowTuple {
    /// Its key; `None` when the addresses are of different families.
    #[must_use]
    pub fn key(&self) -> Option<FlowKey> {
        let &Self { interface, ports, kind, .. } = self;
        match (self.local, self.remote) {
            (IpAddr::V4(local), IpAddr::V4(remote)) => {
                Some(FlowKey::V4(V4::flow_key(interface, local.octets(), remote.octets(), ports, kind)))
            }
            (IpAddr::V6(local), IpAddr::V6(remote)) => {
                Some(FlowKey::V6(V6::flow_key(interface, local.octets(), remote.octets(), ports, kind)))
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
        }
    }
}

impl FlowKey {
    /// What entries carry of their key.
    #[must_use]
    pub fn fingerprint(&self) -> u32 {
        match self {
            Self::V4(key) => V4::fingerprint(key),
            Self::V6(key) => V6::fingerprint(key),
        }
    }
}
