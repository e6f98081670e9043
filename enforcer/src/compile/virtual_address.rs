//! Signatures of virtual addresses: what holds the address itself, and for each port of a Service what the rules can
//! tell of its backends. Equal Services have one signature.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::{
    ResolvedPeer, RuleSets, Signature, Target,
    own_service::{Judge, Leads},
    service::Virtual,
};
use crate::{
    model::{Direction, ObjectName, Protocol},
    prefix::longest,
};

/// Backends by port, in the rules' eyes.
pub type BackendsByPort = BTreeMap<(Protocol, u16), BTreeSet<(Signature, Target)>>;

/// What stands behind the ports of a virtual address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServicePorts {
    /// The backends of each port.
    pub ports: BackendsByPort,
    /// The Services that are like this.
    pub names: BTreeSet<ObjectName>,
}

/// Adds the virtual addresses to what is compiled without them, and to rule sets what opens for a pod's own sake.
pub(super) fn add(compiled: &mut RuleSets, services: &Virtual) {
    open_own(compiled, services);
    // One for each group; several groups may look alike to the rules.
    let mut known: BTreeMap<BackendsByPort, usize> = BTreeMap::new();
    let mut indices = Vec::new();
    for group in &services.groups {
        let of_port =
            |backend: &super::backend::Backend| (signature(compiled, backend.address), backend.target);
        let ports: BackendsByPort =
            group.iter().map(|(at, lead)| (*at, lead.backends.iter().map(of_port).collect())).collect();
        let index = *known.entry(ports).or_insert_with_key(|ports| {
            compiled.services.push(ServicePorts { ports: ports.clone(), names: BTreeSet::new() });
            compiled.services.len() - 1
        });
        if let Some(service) = compiled.services.get_mut(index) {
            service.names.extend(group.values().map(|lead| lead.service.clone()));
        }
        indices.push(index);
    }
    let own: BTreeMap<IpAddr, usize> = compiled
        .peers
        .iter()
        .enumerate()
        .filter_map(|(index, peer)| match peer {
            ResolvedPeer::Virtual(address) => Some((*address, index)),
            ResolvedPeer::PodsOf { .. } | ResolvedPeer::PodsIn { .. } | ResolvedPeer::Block(_) => None,
        })
        .collect();
    let plain: Vec<(IpAddr, Signature)> = services
        .addresses
        .iter()
        .map(|(address, group)| {
            let mut signature = signature(compiled, *address);
            if let Some(peer) = own.get(address) {
                signature.add(*peer);
            }
            signature.service = indices.get(*group).copied();
            (*address, signature)
        })
        .collect();
    compiled.addresses.extend(plain);
}

/// The signature of a plain address.
fn signature(compiled: &RuleSets, address: IpAddr) -> Signature {
    let found = compiled.addresses.get(&address).or_else(|| longest(&compiled.prefixes, address));
    found.cloned().unwrap_or_default()
}

/// The addresses at which something opens to a pod for its own sake become peers, at the end of the list: the
/// indices of the others stay.
fn open_own(compiled: &mut RuleSets, services: &Virtual) {
    let mut endpoints = std::mem::take(&mut compiled.endpoints);
    let judge = Judge {
        index: compiled.peers.iter().enumerate().map(|(index, peer)| (peer, index)).collect(),
        names: &compiled.names,
        signature: |address| signature(compiled, address),
    };
    let isolated = endpoints
        .values()
        .filter(|subject| subject.rules.as_ref().is_some_and(|rules| rules.isolates(Direction::Egress)));
    let backends = isolated.flat_map(|subject| &subject.addresses).copied().collect();
    let leads = Leads::new(services, &backends);
    let mut opened = BTreeSet::new();
    for subject in endpoints.values_mut() {
        if let Some(rules) = &mut subject.rules {
            rules.own = judge.own_points(rules, &subject.addresses, &leads);
            opened.extend(rules.own.iter().map(|(address, ..)| *address));
        }
    }
    compiled.peers.extend(opened.into_iter().map(ResolvedPeer::Virtual));
    compiled.endpoints = endpoints;
}
