//! Protocols and ports to ask about.

use std::collections::BTreeSet;

use enforcer::{
    model::{Direction, Ports, Protocol},
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
    /// At (0), below (-1) or above (1) an edge of a rule's range.
    Edge(Index, i16),
    /// This one.
    Fixed(u16),
}

pub(super) fn port() -> impl Strategy<Value = Port> {
    prop_oneof![
        6 => (any::<Index>(), -1..=1_i16).prop_map(|(edge, offset)| Port::Edge(edge, offset)),
        2 => select(&PORTS[..]).prop_map(Port::Fixed),
        1 => any::<u16>().prop_map(Port::Fixed),
    ]
}

impl Port {
    /// The port in this cluster. Where no rule names one, a common one.
    pub(super) fn resolve(&self, cluster: &Cluster) -> u16 {
        match self {
            Self::Fixed(port) => *port,
            Self::Edge(index, offset) => {
                pick(index, &edges(cluster)).map_or(80, |edge| edge.wrapping_add_signed(*offset))
            }
        }
    }
}

/// First and last ports of all rules.
fn edges(cluster: &Cluster) -> Vec<u16> {
    let mut edges = BTreeSet::new();
    for policy in cluster.policies.values() {
        let rules = Direction::ALL.into_iter().filter_map(|direction| policy.rules(direction)).flatten();
        for rule in rules {
            if let Ports::Listed(list) = &rule.ports {
                edges.extend(list.iter().flat_map(|entry| [entry.first, entry.last]));
            }
        }
    }
    edges.into_iter().collect()
}
