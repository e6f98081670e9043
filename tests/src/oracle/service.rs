//! Services: what stands behind a virtual address, and what the rules say of it.

use std::{collections::BTreeSet, net::IpAddr};

use enforcer::{
    model::{
        AddressType, Direction, Pod, PodState, PortMatch, Ports, Protocol, Service, ServiceKind, ServicePort,
        TargetPort,
    },
    store::Cluster,
};

use super::{Answer, Question, judge_address, policies_of};

/// A place to which packets go: an address and a port, or every port where no number is known.
pub type Backend = (IpAddr, Option<u16>);

/// The Service port that a packet's destination stands for. Of two Services the first by name: any fixed order
/// will do.
#[must_use]
pub fn behind(
    cluster: &Cluster,
    address: IpAddr,
    protocol: Protocol,
    port: u16,
) -> Option<(&Service, &ServicePort)> {
    for service in cluster.services.values() {
        // "ClusterIP, external IP or load-balancer IP (ipMode VIP) and port"; "A node-local DNS address can be
        // configured as an alias of the DNS Service" (3.8).
        if addresses(cluster, service).contains(&address) {
            for candidate in &service.ports {
                if candidate.protocol == protocol && candidate.port == port {
                    return Some((service, candidate));
                }
            }
        }
        // "(Any node address, NodePort) is treated as the Service" (3.8).
        let is_node = cluster.nodes.values().any(|node| node.addresses.contains(&address));
        if is_node && matches!(service.kind, ServiceKind::NodePort | ServiceKind::LoadBalancer) {
            for candidate in &service.ports {
                if candidate.protocol == protocol && candidate.node_port == Some(port) {
                    return Some((service, candidate));
                }
            }
        }
    }
    None
}

/// The addresses of a Service's own. "Headless and ipMode Proxy: plain addresses" (3.8).
fn addresses(cluster: &Cluster, service: &Service) -> BTreeSet<IpAddr> {
    let mut addresses = BTreeSet::new();
    if service.kind == ServiceKind::ExternalName {
        return addresses;
    }
    if service.kind != ServiceKind::Headless {
        addresses.extend(&service.cluster_ips);
        addresses.extend(&service.external_ips);
        addresses.extend(&service.load_balancer_ips);
    }
    for (address, name) in &cluster.aliases {
        if *name == service.name {
            addresses.insert(*address);
        }
    }
    addresses
}

/// Every (address, protocol, port) behind which there is a Service.
#[must_use]
pub fn points(cluster: &Cluster) -> BTreeSet<(IpAddr, Protocol, u16)> {
    let mut points = BTreeSet::new();
    for service in cluster.services.values() {
        for port in &service.ports {
            for address in addresses(cluster, service) {
                points.insert((address, port.protocol, port.port));
            }
            for address in cluster.nodes.values().flat_map(|node| &node.addresses) {
                if let Some(node_port) = port.node_port {
                    points.insert((*address, port.protocol, node_port));
                }
            }
        }
    }
    points.retain(|(address, protocol, port)| behind(cluster, *address, *protocol, *port).is_some());
    points
}

/// The backends to which a packet to an address of this family may go.
#[must_use]
pub fn backends(cluster: &Cluster, service: &Service, port: &ServicePort, is_v4: bool) -> BTreeSet<Backend> {
    let is_of_service = |namespace: &str, owner: Option<&String>| {
        namespace == service.name.namespace && owner == Some(&service.name.name)
    };
    let slices: Vec<_> = cluster
        .endpoint_slices
        .values()
        .filter(|slice| is_of_service(&slice.name.namespace, slice.service.as_ref()))
        .collect();
    if slices.is_empty() {
        return selected(cluster, service, port, is_v4);
    }
    // "Backends come from EndpointSlices (ready; if none, serving and terminating)" (3.8).
    let mut ready = BTreeSet::new();
    let mut ending = BTreeSet::new();
    for slice in slices {
        let family = match slice.address_type {
            AddressType::Ipv4 => true,
            AddressType::Ipv6 => false,
            AddressType::Fqdn => continue,
        };
        if family != is_v4 {
            continue;
        }
        for its in &slice.ports {
            if its.name != port.name || its.protocol != port.protocol {
                continue;
            }
            for endpoint in &slice.endpoints {
                for address in &endpoint.addresses {
                    if endpoint.ready {
                        ready.insert((*address, its.port));
                    } else if endpoint.serving && endpoint.terminating {
                        ending.insert((*address, its.port));
                    }
                }
            }
        }
    }
    if ready.is_empty() { ending } else { ready }
}

/// Without EndpointSlices: the pods that the selector selects.
fn selected(cluster: &Cluster, service: &Service, port: &ServicePort, is_v4: bool) -> BTreeSet<Backend> {
    let mut backends = BTreeSet::new();
    let Some(selector) = &service.selector else { return backends };
    for pod in cluster.pods.values() {
        let has = |(key, value): (&String, &String)| pod.labels.get(key) == Some(value);
        if pod.name.namespace != service.name.namespace
            || pod.state != PodState::Live
            || !selector.iter().all(has)
        {
            continue;
        }
        let Some(target) = target(pod, port) else { continue };
        for address in &pod.addresses {
            if address.is_ipv4() == is_v4 {
                backends.insert((*address, Some(target)));
            }
        }
    }
    backends
}

/// A named target is each pod's own: the first of its container ports with this name and protocol.
fn target(pod: &Pod, port: &ServicePort) -> Option<u16> {
    match &port.target {
        TargetPort::Number(number) => Some(*number),
        TargetPort::Name(name) => {
            for candidate in &pod.ports {
                if candidate.name.as_ref() == Some(name) && candidate.protocol == port.protocol {
                    return Some(candidate.port);
                }
            }
            None
        }
    }
}

/// "Opening a flow to a ClusterIP, external IP or load-balancer IP (ipMode VIP) and port is allowed iff the rule set
/// allows *every* backend at its target port; none: denied" (3.8).
pub(super) fn judge(
    cluster: &Cluster,
    question: &Question<'_>,
    service: &Service,
    port: &ServicePort,
) -> Answer {
    let isolating = policies_of(cluster, question.subject, Direction::Egress);
    if isolating.is_empty() {
        return Answer::NotIsolated;
    }
    let backends = backends(cluster, service, port, question.remote.is_ipv4());
    if backends.is_empty() {
        return Answer::Denied { isolating };
    }
    let mut rules = BTreeSet::new();
    for (address, target) in backends {
        let targets = match target {
            Some(target) => vec![target],
            None => telling_ports(cluster),
        };
        let mut own_rules = BTreeSet::new();
        let mut allowed = true;
        for target in targets {
            let direct = Question { remote: address, port: Some(target), ..*question };
            match judge_address(cluster, &direct) {
                Answer::Allowed { by } => own_rules.extend(by),
                Answer::NotIsolated | Answer::Denied { .. } => allowed = false,
            }
        }
        if allowed {
            rules.extend(own_rules);
        } else if !question.subject.addresses.contains(&address) {
            // "A pod and itself: Passes; through its own Service too" (3.4).
            return Answer::Denied { isolating };
        }
    }
    Answer::Allowed { by: rules }
}

/// Ports of which one is denied if any is: the answer changes nowhere but beside a port that something names.
fn telling_ports(cluster: &Cluster) -> Vec<u16> {
    let mut named: BTreeSet<u16> = [1, u16::MAX].into();
    for policy in cluster.policies.values() {
        for rule in policy.egress.iter().flatten() {
            if let Ports::Listed(list) = &rule.ports {
                for entry in list {
                    if let PortMatch::Range(range) = entry {
                        named.extend([range.first, range.last]);
                    }
                }
            }
        }
    }
    named.extend(cluster.pods.values().flat_map(|pod| &pod.ports).map(|port| port.port));
    let mut ports = BTreeSet::new();
    for port in named {
        ports.extend([port.saturating_sub(1).max(1), port.max(1), port.saturating_add(1)]);
    }
    ports.into_iter().collect()
}
