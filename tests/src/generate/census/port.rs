//! Constructs of ports: what a rule lists, and what its names meet.

use std::collections::{BTreeMap, BTreeSet};

use enforcer::{
    model::{ContainerPort, Direction, NamedPort, Peer, Pod, PortMatch, PortRange, Ports, Protocol, Rule},
    store::Cluster,
};

use super::{Census, Construct as C};

pub(super) fn count(census: &mut Census, cluster: &Cluster, direction: Direction, rule: &Rule) {
    let list = match &rule.ports {
        Ports::Any => return census.note(C::PortsMissing),
        Ports::Listed(list) => list,
    };
    census.note_if(list.len() > 1, C::PortsSeveral);
    for entry in list {
        let protocol = match entry {
            PortMatch::Range(range) => {
                count_range(census, range);
                range.protocol
            }
            PortMatch::Named(named) => {
                count_named(census, cluster, direction, rule, named);
                named.protocol
            }
        };
        census.note(match protocol {
            Protocol::Tcp => C::PortTcp,
            Protocol::Udp => C::PortUdp,
            Protocol::Sctp => C::PortSctp,
        });
    }
}

fn count_range(census: &mut Census, range: &PortRange) {
    census.note(match (range.first, range.last) {
        (0, u16::MAX) => C::PortWhole,
        (first, last) if first == last => C::PortSingle,
        _ => C::PortRange,
    });
}

fn count_named(census: &mut Census, cluster: &Cluster, direction: Direction, rule: &Rule, named: &NamedPort) {
    census.note(match direction {
        Direction::Ingress => C::PortNamedIngress,
        Direction::Egress => C::PortNamedEgress,
    });
    census.note_if(direction == Direction::Egress && rule.peers.is_none(), C::PortNamedEverywhere);
    let covers = |peer: &Peer| match peer {
        Peer::IpBlock(block) => cluster.pods.values().filter(|pod| pod.is_on_pod_network()).any(|pod| {
            let inside = pod.addresses.iter().any(|address| block.cidr.contains(address));
            inside && pod.ports.iter().any(|port| is_of(port, named))
        }),
        Peer::Pods { .. } => false,
    };
    let beside_block = direction == Direction::Egress && rule.peers.iter().flatten().any(covers);
    census.note_if(beside_block, C::PortNamedBlock);

    let numbers: BTreeMap<bool, Vec<BTreeSet<u16>>> =
        cluster.pods.values().fold(BTreeMap::new(), |mut numbers, pod| {
            let own = pod.ports.iter().filter(|port| is_of(port, named)).map(|port| port.port).collect();
            numbers.entry(pod.is_on_pod_network()).or_default().push(own);
            numbers
        });
    let of = |on_network| numbers.get(&on_network).into_iter().flatten().filter(|own| !own.is_empty());
    let bears_name = |pod: &Pod| pod.ports.iter().any(|port| port.name.as_ref() == Some(&named.name));
    let is_borne = cluster.pods.values().any(bears_name);
    census.note_if(!is_borne, C::PortNamedUnknown);
    census.note_if(is_borne && of(true).chain(of(false)).next().is_none(), C::PortNamedOtherProtocol);
    census.note_if(of(true).collect::<BTreeSet<_>>().len() > 1, C::PortNamedDiffers);
    census.note_if(of(true).any(|own| own.len() > 1), C::PortNamedOften);
    census.note_if(of(false).next().is_some(), C::PortNamedDisowned);
}

/// Whether a container port is what the named port of a policy means.
pub(super) fn is_of(port: &ContainerPort, named: &NamedPort) -> bool {
    port.protocol == named.protocol && port.name.as_ref() == Some(&named.name)
}
