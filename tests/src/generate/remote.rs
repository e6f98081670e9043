//! Addresses to ask about.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use enforcer::{
    model::{Direction, Peer, Protocol},
    store::Cluster,
};
use ipnet::IpNet;
use proptest::{
    option,
    prelude::*,
    sample::{Index, select},
};

use super::{
    choice::pick,
    subject::{Subject, anybody},
    universe,
};
use crate::oracle::service;

/// An address that may depend on the cluster.
#[derive(Debug, Clone, Copy)]
pub(super) enum Remote {
    /// One that this pod claims.
    Pod(Subject, Index),
    /// At an edge of a block or an exception.
    Edge(Index, Edge),
    /// One behind which a Service stands.
    Service(Index),
    /// This one.
    Fixed(IpAddr),
}

/// A place at a block.
#[derive(Debug, Clone, Copy)]
pub(super) enum Edge {
    First,
    Last,
    Before,
    After,
}

pub(super) fn remote() -> impl Strategy<Value = Remote> {
    let edge = select(&[Edge::First, Edge::Last, Edge::Before, Edge::After][..]);
    prop_oneof![
        7 => (anybody(), any::<Index>()).prop_map(|(pod, address)| Remote::Pod(pod, address)),
        4 => (any::<Index>(), edge).prop_map(|(block, edge)| Remote::Edge(block, edge)),
        6 => any::<Index>().prop_map(Remote::Service),
        3 => select(universe::addresses()).prop_map(Remote::Fixed),
        1 => any::<IpAddr>().prop_map(Remote::Fixed),
    ]
}

impl Remote {
    /// The address in this cluster. Where there is no pod or block, some address of the universe.
    pub(super) fn resolve(&self, cluster: &Cluster) -> IpAddr {
        let found = match self {
            Self::Fixed(address) => Some(*address),
            Self::Pod(pod, index) => pod
                .resolve(cluster, |pod| !pod.addresses.is_empty())
                .and_then(|pod| pick(index, &Vec::from_iter(&pod.addresses)).copied().copied()),
            Self::Service(index) => pick(index, &service_addresses(cluster)).copied(),
            Self::Edge(index, edge) => pick(index, &nets(cluster)).map(|net| edge.of(*net)),
        };
        found.unwrap_or(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9)))
    }
}

/// Where the packets of a conversation with a Service go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Aim(Option<Index>);

/// Mostly at a port that the Service has.
pub(super) fn aim() -> impl Strategy<Value = Aim> {
    option::weighted(0.8, any::<Index>()).prop_map(Aim)
}

impl Aim {
    /// A port of a Service at this address, if it is aimed at and there is one.
    pub(super) fn resolve(&self, cluster: &Cluster, remote: IpAddr) -> Option<(Protocol, u16)> {
        let points = service::points(cluster).into_iter().filter(|(address, ..)| *address == remote);
        let ports: Vec<_> = points.map(|(_, protocol, port)| (protocol, port)).collect();
        pick(&self.0?, &ports).copied()
    }
}

fn service_addresses(cluster: &Cluster) -> Vec<IpAddr> {
    let addresses: BTreeSet<IpAddr> =
        service::points(cluster).into_iter().map(|(address, ..)| address).collect();
    addresses.into_iter().collect()
}

impl Edge {
    /// Around the ends of the address space it wraps.
    fn of(self, net: IpNet) -> IpAddr {
        let (first, last) = (net.network(), net.broadcast());
        match self {
            Self::First => first,
            Self::Last => last,
            Self::Before => shifted(first, -1),
            Self::After => shifted(last, 1),
        }
    }
}

fn shifted(address: IpAddr, by: i8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => Ipv4Addr::from(v4.to_bits().wrapping_add_signed(by.into())).into(),
        IpAddr::V6(v6) => Ipv6Addr::from(v6.to_bits().wrapping_add_signed(by.into())).into(),
    }
}

/// All blocks and exceptions of the cluster's policies.
fn nets(cluster: &Cluster) -> Vec<IpNet> {
    let mut nets = BTreeSet::new();
    for policy in cluster.policies.values() {
        let rules = Direction::ALL.into_iter().filter_map(|direction| policy.rules(direction)).flatten();
        for peer in rules.filter_map(|rule| rule.peers.as_ref()).flatten() {
            if let Peer::IpBlock(block) = peer {
                nets.insert(block.cidr);
                nets.extend(&block.except);
            }
        }
    }
    nets.into_iter().collect()
}
