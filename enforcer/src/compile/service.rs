//! Virtual addresses: which Service stands behind which (address, protocol, port), and with which backends.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use super::{
    Diagnostic,
    backend::{Backend, Backends},
};
use crate::{
    model::{Endpoint, ObjectName, Protocol, Service, ServiceKind},
    store::Cluster,
};

/// A Service port, as one family sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct VirtualPort {
    pub(super) service: ObjectName,
    pub(super) backends: BTreeSet<Backend>,
}

/// What stands behind the ports of a virtual address.
pub(super) type VirtualPorts = BTreeMap<(Protocol, u16), Arc<VirtualPort>>;

/// All virtual addresses. Node addresses are many and mostly have the same node ports: equal ones share a group.
#[derive(Debug, Default)]
pub(super) struct Virtual {
    pub(super) groups: Vec<VirtualPorts>,
    /// Indices into the groups.
    pub(super) addresses: BTreeMap<IpAddr, usize>,
}

/// Finds the virtual addresses of a cluster. Of two Services that claim the same, the first by name has it.
pub(super) fn find(cluster: &Cluster, endpoints: &[Endpoint]) -> (Virtual, Vec<Diagnostic>) {
    let backends = Backends::new(cluster, endpoints);
    let (aliases, mut diagnostics) = aliases(cluster);
    let mut claims: BTreeMap<IpAddr, VirtualPorts> = BTreeMap::new();
    // By whether the family is IPv4.
    let mut node_ports: BTreeMap<bool, VirtualPorts> = BTreeMap::new();
    for service in cluster.services.values() {
        let mut addresses = addresses(service);
        addresses.extend(aliases.get(&service.name).into_iter().flatten());
        for port in &service.ports {
            for v4 in [true, false] {
                let node_port = port.node_port.filter(|_| has_node_ports(service));
                if node_port.is_none() && !addresses.iter().any(|address| address.is_ipv4() == v4) {
                    continue;
                }
                let backends = backends.of(service, port, v4);
                let lead = Arc::new(VirtualPort { service: service.name.clone(), backends });
                for address in addresses.iter().filter(|address| address.is_ipv4() == v4) {
                    let ports = claims.entry(*address).or_default();
                    diagnostics.extend(claim(ports, (port.protocol, port.port), &lead, *address));
                }
                if let Some(number) = node_port {
                    let nowhere = if v4 { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
                    let ports = node_ports.entry(v4).or_default();
                    diagnostics.extend(claim(ports, (port.protocol, number), &lead, nowhere));
                }
            }
        }
    }

    let mut found = Virtual::default();
    let mut known: BTreeMap<VirtualPorts, usize> = BTreeMap::new();
    let mut group = |ports: VirtualPorts| {
        *known.entry(ports).or_insert_with_key(|ports| {
            found.groups.push(ports.clone());
            found.groups.len() - 1
        })
    };
    let nodes: BTreeSet<IpAddr> = cluster.nodes.values().flat_map(|node| &node.addresses).copied().collect();
    for (v4, node_ports) in node_ports {
        let shared = group(node_ports.clone());
        for address in nodes.iter().filter(|address| address.is_ipv4() == v4) {
            match claims.get_mut(address) {
                None => {
                    found.addresses.insert(*address, shared);
                }
                Some(ports) => {
                    for (at, lead) in &node_ports {
                        diagnostics.extend(claim(ports, *at, lead, *address));
                    }
                }
            }
        }
    }
    for (address, ports) in claims {
        found.addresses.insert(address, group(ports));
    }
    (found, diagnostics)
}

/// Puts a port in its place, and tells of the loser where it is taken.
fn claim(
    ports: &mut VirtualPorts,
    at: (Protocol, u16),
    lead: &Arc<VirtualPort>,
    address: IpAddr,
) -> Option<Diagnostic> {
    let Some(other) = ports.get(&at) else {
        ports.insert(at, Arc::clone(lead));
        return None;
    };
    let (winner, loser) = if lead.service < other.service {
        (lead.clone(), other.clone())
    } else {
        (other.clone(), lead.clone())
    };
    ports.insert(at, Arc::clone(&winner));
    let (protocol, port) = at;
    (winner.service != loser.service).then(|| Diagnostic::SharedService {
        address,
        protocol,
        port,
        service: winner.service.clone(),
        other: loser.service.clone(),
    })
}

/// A Service's own virtual addresses. Names lead past those of a headless one, and out of the cluster for an
/// external name.
fn addresses(service: &Service) -> BTreeSet<IpAddr> {
    match service.kind {
        ServiceKind::Headless | ServiceKind::ExternalName => BTreeSet::new(),
        ServiceKind::ClusterIp | ServiceKind::NodePort | ServiceKind::LoadBalancer => {
            let Service { cluster_ips, external_ips, load_balancer_ips, .. } = service;
            cluster_ips.iter().chain(external_ips).chain(load_balancer_ips).copied().collect()
        }
    }
}

fn has_node_ports(service: &Service) -> bool {
    matches!(service.kind, ServiceKind::NodePort | ServiceKind::LoadBalancer)
}

/// The configured aliases of each Service, and those of Services that are not there.
fn aliases(cluster: &Cluster) -> (BTreeMap<&ObjectName, BTreeSet<IpAddr>>, Vec<Diagnostic>) {
    let mut aliases: BTreeMap<&ObjectName, BTreeSet<IpAddr>> = BTreeMap::new();
    let mut unknown = Vec::new();
    for (address, service) in &cluster.aliases {
        match cluster.services.get(service) {
            Some(found) if found.kind != ServiceKind::ExternalName => {
                aliases.entry(service).or_default().insert(*address);
            }
            Some(_) | None => {
                unknown.push(Diagnostic::UnknownAlias { address: *address, service: service.clone() });
            }
        }
    }
    (aliases, unknown)
}
