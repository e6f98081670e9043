//! Constructs of Services, and of questions about them.

use std::{collections::BTreeSet, net::IpAddr};

use enforcer::{
    model::{
        AddressType, Direction, EndpointSlice, Peer, Protocol, Service, ServiceKind, ServicePort, TargetPort,
    },
    store::Cluster,
};

use super::{Census, Construct as C};
use crate::{
    generate::Probe,
    oracle::{Answer, Question, judge, service},
};

pub(super) fn count(census: &mut Census, cluster: &Cluster) {
    for service in cluster.services.values() {
        count_service(census, cluster, service);
    }
    for slice in cluster.endpoint_slices.values() {
        count_slice(census, slice);
    }
    census.note_if(!cluster.aliases.is_empty(), C::ServiceAlias);
}

fn count_service(census: &mut Census, cluster: &Cluster, service: &Service) {
    match service.kind {
        ServiceKind::ClusterIp => census.note(C::ServiceClusterIp),
        ServiceKind::Headless => census.note(C::ServiceHeadless),
        ServiceKind::NodePort => census.note(C::ServiceNodePort),
        ServiceKind::LoadBalancer => {
            census.note_if(!service.load_balancer_ips.is_empty(), C::ServiceLoadBalancer);
        }
        ServiceKind::ExternalName => census.note(C::ServiceExternalName),
    }
    census.note_if(!service.external_ips.is_empty(), C::ServiceExternalIp);
    census.note_if(service.cluster_ips.len() > 1, C::ServiceDualStack);
    census.note_if(service.selector.is_none(), C::ServiceWithoutSelector);
    census.note_if(service.ports.len() > 1, C::ServiceSeveralPorts);
    for port in &service.ports {
        match &port.target {
            TargetPort::Number(target) => census.note_if(*target != port.port, C::ServicePortTranslated),
            TargetPort::Name(_) => census.note(C::ServiceNamedTarget),
        }
        for address in &service.cluster_ips {
            let rivals = cluster.services.values().filter(|other| {
                let same = |its: &&ServicePort| (its.protocol, its.port) == (port.protocol, port.port);
                other.cluster_ips.contains(address) && other.ports.iter().any(|its| same(&its))
            });
            census.note_if(rivals.count() > 1, C::ServiceClaimedTwice);
        }
    }
    for address in &service.cluster_ips {
        census.note(if is_in_block(cluster, *address) { C::ServiceInBlock } else { C::ServiceOutsideBlocks });
    }
}

fn is_in_block(cluster: &Cluster, address: IpAddr) -> bool {
    let rules = cluster.policies.values().flat_map(|policy| policy.egress.iter().flatten());
    rules.flat_map(|rule| rule.peers.iter().flatten()).any(|peer| match peer {
        Peer::IpBlock(block) => block.cidr.contains(&address),
        Peer::Pods { .. } => false,
    })
}

fn count_slice(census: &mut Census, slice: &EndpointSlice) {
    census.note_if(slice.service.is_none(), C::SliceOrphan);
    census.note_if(slice.address_type == AddressType::Fqdn, C::SliceNames);
    census.note_if(slice.ports.iter().any(|port| port.port.is_none()), C::SliceEveryPort);
    for endpoint in &slice.endpoints {
        match (endpoint.ready, endpoint.serving && endpoint.terminating) {
            (true, _) => census.note(C::SliceReady),
            (false, true) => census.note(C::SliceEnding),
            (false, false) => census.note(C::SliceUnready),
        }
    }
}

/// Counts a question about a virtual address of an isolated pod.
pub(super) fn count_probe(census: &mut Census, cluster: &Cluster, probe: &Probe) {
    let Some(question) = probe.question(cluster) else { return };
    let points = service::points(cluster);
    if !points.iter().any(|(address, ..)| *address == probe.remote) {
        return;
    }
    if probe.direction == Direction::Ingress {
        census.note(C::ProbeServiceIngress);
        return;
    }
    let protocol = Protocol::ALL.into_iter().find(|known| known.number() == probe.protocol);
    let (Some(protocol), Some(port)) = (protocol, probe.port) else {
        census.note(C::ProbeServiceIcmp);
        return;
    };
    let Some((its, its_port)) = service::behind(cluster, probe.remote, protocol, port) else {
        census.note(C::ProbeServiceOtherPort);
        return;
    };
    let answer = judge(cluster, &question);
    if answer != Answer::NotIsolated {
        count_asked(census, cluster, &question, its, its_port);
        census.note_if(matches!(answer, Answer::Allowed { .. }), C::ProbeServiceAllowed);
        census.note_if(matches!(answer, Answer::Denied { .. }), C::ProbeServiceDenied);
    }
}

fn count_asked(
    census: &mut Census,
    cluster: &Cluster,
    question: &Question<'_>,
    its: &Service,
    port: &ServicePort,
) {
    let backends = service::backends(cluster, its, port, question.remote.is_ipv4());
    let is_its = |slice: &&EndpointSlice| {
        slice.name.namespace == its.name.namespace && slice.service.as_ref() == Some(&its.name.name)
    };
    let slices: Vec<&EndpointSlice> = cluster.endpoint_slices.values().filter(is_its).collect();
    census.note_if(backends.is_empty(), C::ProbeServiceEmpty);
    let mut verdicts = BTreeSet::new();
    let mut own_denied = false;
    for (address, target) in &backends {
        census.note_if(target.is_none(), C::ProbeServiceEveryPort);
        let host_pod = cluster.pods.values().any(|pod| pod.host_network && pod.addresses.contains(address));
        census.note_if(host_pod, C::ProbeServiceHostPod);
        // A backend whose address is virtual too would be judged by that here: close enough to count.
        let direct = Question { remote: *address, port: target.or(Some(1)), ..*question };
        let passes = judge(cluster, &direct).passes();
        verdicts.insert(passes);
        own_denied |= !passes && question.subject.addresses.contains(address);
    }
    census.note_if(verdicts.len() > 1, C::ProbeServiceMixed);
    census.note_if(own_denied && judge(cluster, question).passes(), C::ProbeServiceOwn);
    if !backends.is_empty() {
        census.note(if slices.is_empty() { C::ProbeServiceSelected } else { C::ProbeServiceSliced });
        let ready = slices.iter().flat_map(|slice| &slice.endpoints).filter(|endpoint| endpoint.ready);
        let ready: BTreeSet<IpAddr> = ready.flat_map(|endpoint| endpoint.addresses.iter().copied()).collect();
        let ending = backends.iter().all(|(address, _)| !ready.contains(address));
        census.note_if(!slices.is_empty() && ending, C::ProbeServiceEnding);
    }
    let (address, number) = (&question.remote, question.port);
    let external = its.external_ips.contains(address) || its.load_balancer_ips.contains(address);
    census.note_if(external && number == Some(port.port), C::ProbeServiceExternal);
    let is_alias = cluster.aliases.contains_key(address);
    census.note_if(is_alias, C::ProbeServiceAlias);
    let own = external || is_alias || its.cluster_ips.contains(address);
    census.note_if(!own, C::ProbeServiceNodePort);
}
