//! Pods that reach a Service because they are one of its backends (DESIGN 3.4, 3.8): a backend itself always counts as
//! allowed, whatever the rules say of its address. Only a pod to which this makes a difference gets a rule set of its
//! own; all others go on sharing theirs.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::{
    ResolvedPeer, ResolvedPorts, RuleSet, Signature,
    backend::{Backend, Target},
    service::Virtual,
};
use crate::model::{NamedPort, Protocol};

/// Ports of virtual addresses.
pub type VirtualPoints = BTreeSet<(IpAddr, Protocol, u16)>;

/// Where in the groups of [`Virtual`] a Service port stands.
type Place = (usize, (Protocol, u16));

/// The Service ports that lead to a node's own pods: few of all, so all backends are walked once, not for each pod.
pub(super) struct Leads<'a> {
    services: &'a Virtual,
    places: BTreeMap<IpAddr, BTreeSet<Place>>,
    /// The virtual addresses of the groups that have such a port.
    addresses: BTreeMap<usize, Vec<IpAddr>>,
}

impl<'a> Leads<'a> {
    /// Those that lead to some of these addresses.
    pub(super) fn new(services: &'a Virtual, backends: &BTreeSet<IpAddr>) -> Self {
        let mut places: BTreeMap<IpAddr, BTreeSet<Place>> = BTreeMap::new();
        for (group, ports) in services.groups.iter().enumerate() {
            for (at, lead) in ports {
                for backend in lead.backends.iter().filter(|backend| backends.contains(&backend.address)) {
                    places.entry(backend.address).or_default().insert((group, *at));
                }
            }
        }
        let groups: BTreeSet<usize> = places.values().flatten().map(|(group, _)| *group).collect();
        let mut addresses: BTreeMap<usize, Vec<IpAddr>> = BTreeMap::new();
        for (address, group) in services.addresses.iter().filter(|(_, group)| groups.contains(group)) {
            addresses.entry(*group).or_default().push(*address);
        }
        Self { services, places, addresses }
    }

    /// The ports that lead to some of these addresses, with their backends.
    fn to(&self, addresses: &BTreeSet<IpAddr>) -> impl Iterator<Item = (Place, &'a BTreeSet<Backend>)> {
        let places: BTreeSet<Place> =
            addresses.iter().filter_map(|address| self.places.get(address)).flatten().copied().collect();
        let services = self.services;
        places.into_iter().filter_map(|place| {
            let (group, at) = place;
            Some((place, &services.groups.get(group)?.get(&at)?.backends))
        })
    }
}

/// Judges backends by their addresses.
pub(super) struct Judge<'a, F> {
    /// Indices of the peers.
    pub(super) index: BTreeMap<&'a ResolvedPeer, usize>,
    /// The named ports, in order.
    pub(super) names: &'a [NamedPort],
    /// What the peers make of an address.
    pub(super) signature: F,
}

impl<F: Fn(IpAddr) -> Signature> Judge<'_, F> {
    /// The points that open to a pod with these addresses for its own sake.
    pub(super) fn own_points(
        &self,
        rules: &RuleSet,
        addresses: &BTreeSet<IpAddr>,
        leads: &Leads<'_>,
    ) -> VirtualPoints {
        let mut points = BTreeSet::new();
        if rules.egress.is_empty() {
            return points;
        }
        for ((group, (protocol, port)), backends) in leads.to(addresses) {
            let (own, others): (Vec<&Backend>, Vec<&Backend>) =
                backends.iter().partition(|backend| addresses.contains(&backend.address));
            let allowed = |backend: &&Backend| self.allows(rules, backend, protocol);
            if !own.iter().all(allowed) && others.iter().all(allowed) {
                let virtual_addresses = leads.addresses.get(&group).into_iter().flatten();
                points.extend(virtual_addresses.map(|address| (*address, protocol, port)));
            }
        }
        points
    }

    fn allows(&self, rules: &RuleSet, backend: &Backend, protocol: Protocol) -> bool {
        let signature = (self.signature)(backend.address);
        let matches = |peers: &BTreeSet<ResolvedPeer>| {
            peers.iter().any(|peer| self.index.get(peer).is_some_and(|index| signature.has(*index)))
        };
        let mut ranges = Vec::new();
        for rule in rules.egress.iter().flat_map(|side| &side.rules) {
            if rule.peers.as_ref().is_none_or(matches) {
                match &rule.ports {
                    ResolvedPorts::Any => ranges.push((0, u16::MAX)),
                    ResolvedPorts::Listed { ranges: listed, names } => {
                        let of_protocol = listed.iter().filter(|range| range.protocol == protocol);
                        ranges.extend(of_protocol.map(|range| (range.first, range.last)));
                        let of_protocol = names.iter().filter(|named| named.protocol == protocol);
                        let indices = of_protocol.filter_map(|named| self.names.binary_search(named).ok());
                        let numbers = indices.filter_map(|name| signature.numbers(name)).flatten();
                        ranges.extend(numbers.map(|number| (*number, *number)));
                    }
                }
            }
        }
        match backend.target {
            Target::Port(port) => ranges.iter().any(|(first, last)| (*first..=*last).contains(&port)),
            Target::Every => covers_every_port(ranges),
        }
    }
}

/// Whether ranges leave out no port from 1 to 65535.
fn covers_every_port(mut ranges: Vec<(u16, u16)>) -> bool {
    ranges.sort_unstable();
    let mut next = 1_u32;
    for (first, last) in ranges {
        if u32::from(first) > next {
            return false;
        }
        next = next.max(u32::from(last) + 1);
    }
    next > u32::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_is_each_from_1_to_65535() {
        for (ranges, covers) in [
            (vec![(0, 65535)], true),
            (vec![(1, 65535)], true),
            (vec![(2, 65535)], false),
            (vec![(1, 65534)], false),
            (vec![(1, 80), (81, 65535)], true),
            (vec![(81, 65535), (0, 80)], true),
            (vec![(1, 80), (82, 65535)], false),
            (vec![(1, 65535), (80, 80)], true),
            (vec![(1, 100), (2, 3), (50, 65535)], true),
            (vec![], false),
        ] {
            assert_eq!(covers_every_port(ranges.clone()), covers, "{ranges:?}");
        }
    }
}
