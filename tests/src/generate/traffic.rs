//! Protocols and ports to ask about.

use std::collections::BTreeSet;

use enforcer::{
    model::{ContainerPort, Pod, PortMatch, Ports, Protocol},
    store::Cluster,
};
use proptest::{
    prelude::*,
    sample::{Index, select},
};

use super::{
    choice::pick,
    port::protocol,
    universe::{OTHER_PROTOCOLS, PORTS},
};

/// What a conversation is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    /// TCP, UDP, SCTP.
    Ported(Protocol),
    /// The echo protocol of the remote's family.
    Icmp,
    /// Any other number.
    Other(u8),
}

pub(super) fn carrier() -> impl Strategy<Value = Carrier> {
    prop_oneof![
        8 => protocol().prop_map(Carrier::Ported),
        1 => Just(Carrier::Icmp),
        1 => select(&OTHER_PROTOCOLS[..]).prop_map(Carrier::Other),
    ]
}

/// A port that may depend on the cluster.
#[derive(Debug, Clone, Copy)]
pub(super) enum Port {
    /// At (0), below (-1) or above (1) an edge of a rule's range, or the number of a container port.
    Edge(Index, i16),
    /// A container port of the destination, one that rules name if there is one; perhaps whatever its protocol is.
    Own(Index, bool),
    /// This one.
    Fixed(u16),
}

pub(super) fn port() -> impl Strategy<Value = Port> {
    prop_oneof![
        6 => (any::<Index>(), -1..=1_i16).prop_map(|(edge, offset)| Port::Edge(edge, offset)),
        6 => (any::<Index>(), prop::bool::weighted(0.8)).prop_map(|(port, fits)| Port::Own(port, fits)),
        2 => select(&PORTS[..]).prop_map(Port::Fixed),
        1 => any::<u16>().prop_map(Port::Fixed),
    ]
}

impl Port {
    /// The port in this cluster, at this destination. Where there is none to choose, a common one.
    pub(super) fn resolve(&self, cluster: &Cluster, destination: Option<&Pod>) -> u16 {
        match self {
            Self::Fixed(port) => *port,
            Self::Edge(index, offset) => {
                pick(index, &edges(cluster)).map_or(80, |edge| edge.wrapping_add_signed(*offset))
            }
            Self::Own(index, _) => own(index, cluster, destination).map_or(80, |port| port.port),
        }
    }

    /// The carrier that gets to this port.
    pub(super) fn carried_by(
        &self,
        carrier: Carrier,
        cluster: &Cluster,
        destination: Option<&Pod>,
    ) -> Carrier {
        match (self, carrier) {
            (Self::Own(index, true), Carrier::Ported(_)) => {
                own(index, cluster, destination).map_or(carrier, |port| Carrier::Ported(port.protocol))
            }
            (Self::Own(..) | Self::Edge(..) | Self::Fixed(_), _) => carrier,
        }
    }
}

fn own<'a>(index: &Index, cluster: &Cluster, destination: Option<&'a Pod>) -> Option<&'a ContainerPort> {
    let is_named = |port: &ContainerPort| {
        entries(cluster).any(|entry| match entry {
            PortMatch::Range(_) => false,
            PortMatch::Named(named) => {
                named.protocol == port.protocol && port.name.as_ref() == Some(&named.name)
            }
        })
    };
    let ports = &destination?.ports;
    let named: Vec<&ContainerPort> = ports.iter().filter(|port| is_named(port)).collect();
    pick(index, &named).copied().or_else(|| pick(index, ports))
}

/// First and last ports of all rules, and what their names may stand for.
fn edges(cluster: &Cluster) -> Vec<u16> {
    let mut edges = BTreeSet::new();
    for entry in entries(cluster) {
        match entry {
            PortMatch::Range(range) => edges.extend([range.first, range.last]),
            PortMatch::Named(named) => {
                let ports = cluster.pods.values().flat_map(|pod| &pod.ports);
                let of_name = ports.filter(|port| port.name.as_ref() == Some(&named.name));
                edges.extend(of_name.map(|port| port.port));
            }
        }
    }
    edges.into_iter().collect()
}

/// The port entries of all rules.
fn entries(cluster: &Cluster) -> impl Iterator<Item = &PortMatch> {
    let sides = cluster.policies.values().flat_map(|policy| [&policy.ingress, &policy.egress]);
    sides.flatten().flatten().flat_map(|rule| match &rule.ports {
        Ports::Any => &[],
        Ports::Listed(list) => list.as_slice(),
    })
}
