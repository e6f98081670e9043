//! Which backends a Service port has (DESIGN 3.8): those of its EndpointSlices, or, where no controller makes
//! slices (a folder of manifests), the pods that its selector selects.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use crate::{
    model::{
        AddressType, Endpoint, EndpointSlice, ObjectName, Pod, PodState, Selector, Service, ServicePort,
        TargetPort,
    },
    store::Cluster,
};

/// One place to which a Service port leads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Backend {
    pub(super) address: IpAddr,
    pub(super) target: Target,
}

/// The port at a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// This one.
    Port(u16),
    /// It may be any: the slice gives no number.
    Every,
}

/// Finds backends; made once for all Services.
pub(super) struct Backends<'a> {
    cluster: &'a Cluster,
    slices: BTreeMap<(&'a str, &'a str), Vec<&'a EndpointSlice>>,
    /// Addresses of local pods, in the CNI's word, and whose they are.
    local: BTreeMap<&'a ObjectName, BTreeSet<IpAddr>>,
    taken: BTreeSet<IpAddr>,
}

impl<'a> Backends<'a> {
    pub(super) fn new(cluster: &'a Cluster, endpoints: &'a [Endpoint]) -> Self {
        let mut slices: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for slice in cluster.endpoint_slices.values() {
            if let Some(service) = &slice.service {
                slices.entry((slice.name.namespace.as_str(), service.as_str())).or_default().push(slice);
            }
        }
        let mut local: BTreeMap<&ObjectName, BTreeSet<IpAddr>> = BTreeMap::new();
        let is_local = |endpoint: &&Endpoint| {
            let pod = cluster.pods.get(&endpoint.pod);
            pod.is_some_and(|pod| pod.is_on_pod_network() && endpoint.is_of(pod))
        };
        for endpoint in endpoints.iter().filter(is_local) {
            local.entry(&endpoint.pod).or_default().extend(&endpoint.addresses);
        }
        let taken = local.values().flatten().copied().collect();
        Self { cluster, slices, local, taken }
    }

    /// The backends of a port, of one family: packets to an IPv4 address never come to an IPv6 one.
    pub(super) fn of(&self, service: &Service, port: &ServicePort, v4: bool) -> BTreeSet<Backend> {
        let name = &service.name;
        match self.slices.get(&(name.namespace.as_str(), name.name.as_str())) {
            Some(slices) => of_slices(slices, port, v4),
            None => self.of_selector(service, port, v4),
        }
    }

    fn of_selector(&self, service: &Service, port: &ServicePort, v4: bool) -> BTreeSet<Backend> {
        let Some(labels) = &service.selector else { return BTreeSet::new() };
        let selector = Selector { match_labels: labels.clone(), match_expressions: Vec::new() };
        let mut backends = BTreeSet::new();
        let first = ObjectName::new(&service.name.namespace, "");
        let pods = self.cluster.pods.range(first..).map(|(_, pod)| pod);
        for pod in pods.take_while(|pod| pod.name.namespace == service.name.namespace) {
            if pod.state == PodState::Live
                && selector.matches(&pod.labels)
                && let Some(target) = resolve(port, pod)
            {
                let addresses = self.addresses(pod).filter(|address| address.is_ipv4() == v4);
                backends.extend(addresses.map(|address| Backend { address, target }));
            }
        }
        backends
    }

    /// A local pod's addresses are in the CNI's word, and nobody else on the pod network has those.
    fn addresses<'b>(&'b self, pod: &'b Pod) -> Box<dyn Iterator<Item = IpAddr> + 'b> {
        match self.local.get(&pod.name) {
            Some(addresses) => Box::new(addresses.iter().copied()),
            None if pod.host_network => Box::new(pod.addresses.iter().copied()),
            None => Box::new(pod.addresses.iter().copied().filter(|address| !self.taken.contains(address))),
        }
    }
}

/// The port of a pod at which a Service port ends; a pod without the named port is no backend.
fn resolve(port: &ServicePort, pod: &Pod) -> Option<Target> {
    match &port.target {
        TargetPort::Number(number) => Some(Target::Port(*number)),
        TargetPort::Name(name) => pod
            .ports
            .iter()
            .find(|candidate| candidate.name.as_ref() == Some(name) && candidate.protocol == port.protocol)
            .map(|found| Target::Port(found.port)),
    }
}

/// Those that are ready; if none is, those that serve while they end.
fn of_slices(slices: &[&EndpointSlice], port: &ServicePort, v4: bool) -> BTreeSet<Backend> {
    let family = if v4 { AddressType::Ipv4 } else { AddressType::Ipv6 };
    let (mut ready, mut ending) = (BTreeSet::new(), BTreeSet::new());
    for slice in slices.iter().filter(|slice| slice.address_type == family) {
        let ports = slice.ports.iter().filter(|its| its.name == port.name && its.protocol == port.protocol);
        for its in ports {
            let target = its.port.map_or(Target::Every, Target::Port);
            for endpoint in &slice.endpoints {
                let backends = endpoint.addresses.iter().map(|address| Backend { address: *address, target });
                if endpoint.ready {
                    ready.extend(backends);
                } else if endpoint.serving && endpoint.terminating {
                    ending.extend(backends);
                }
            }
        }
    }
    if ready.is_empty() { ending } else { ready }
}
