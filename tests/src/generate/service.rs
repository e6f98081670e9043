//! Services, slices of their backends, nodes.

use std::{collections::BTreeSet, net::IpAddr};

use enforcer::{
    model::{
        AddressType, ClusterEvent, EndpointSlice, Labels, Node, Object, ObjectName, Pod, Protocol, Service,
        ServiceKind, ServicePort, SliceEndpoint, SlicePort, TargetPort,
    },
    store::Cluster,
};
use proptest::{
    bool, collection, option,
    prelude::*,
    sample::{Index, select},
};

use super::{
    choice::pick,
    port::protocol,
    universe::{
        ALIASES, CLUSTER_IPS_V4, CLUSTER_IPS_V6, CROWDED_NAMESPACES, EXTERNAL_IPS, LABEL_KEYS, LABEL_VALUES,
        NODE_ADDRESSES, NODE_PORTS, OUTSIDE_ADDRESSES, POD_ADDRESSES_V4, POD_ADDRESSES_V6, PORT_NAMES, PORTS,
        address,
    },
};

/// Numbers in the names of Services, and of slices.
const NUMBERS: std::ops::Range<u8> = 0..3;

/// Everything about Services that a cluster has.
#[derive(Debug, Clone)]
pub(super) struct Services {
    services: Vec<DraftService>,
    slices: Vec<DraftSlice>,
    nodes: Vec<Node>,
    aliases: Vec<(&'static str, Index)>,
}

/// A Service, and a pod that its selector shall select, if there is one.
#[derive(Debug, Clone)]
pub struct DraftService(Service, Option<Index>);

/// A slice, and a Service whose ports it shall have, if there is one.
#[derive(Debug, Clone)]
pub struct DraftSlice(EndpointSlice, Option<Index>);

/// Up to four Services, five slices, two nodes, and now and then an alias.
pub(super) fn services() -> impl Strategy<Value = Services> {
    let services = collection::vec(draft_service(), 0..=4);
    let slices = collection::vec(draft_slice(), 0..=6);
    let nodes = collection::vec(node(), 0..=2);
    let alias = prop_oneof![
        4 => Just(Vec::new()),
        1 => (select(&ALIASES[..]), any::<Index>()).prop_map(|alias| vec![alias]),
    ];
    (slices, services, nodes, alias).prop_map(|(slices, services, nodes, aliases)| Services {
        services,
        slices,
        nodes,
        aliases,
    })
}

impl Services {
    pub(super) fn add_to(self, cluster: &mut Cluster) {
        for draft in self.services {
            cluster.apply(ClusterEvent::Apply(Object::Service(draft.resolve(cluster))));
        }
        for draft in self.slices {
            cluster.apply(ClusterEvent::Apply(Object::EndpointSlice(draft.resolve(cluster))));
        }
        for node in self.nodes {
            cluster.apply(ClusterEvent::Apply(Object::Node(node)));
        }
        let names: Vec<ObjectName> = cluster.services.keys().cloned().collect();
        for (alias, index) in self.aliases {
            cluster.aliases.extend(pick(&index, &names).map(|name| (address(alias), name.clone())));
        }
    }
}

/// Mostly a Service that selects somebody.
pub(super) fn draft_service() -> impl Strategy<Value = DraftService> {
    (service(), option::weighted(0.8, any::<Index>())).prop_map(|(service, pod)| DraftService(service, pod))
}

impl DraftService {
    /// The Service in this cluster.
    #[must_use]
    pub fn resolve(&self, cluster: &Cluster) -> Service {
        let Self(service, index) = self;
        let mut service = service.clone();
        let pods: Vec<&Pod> = cluster.pods.values().filter(|pod| !pod.labels.is_empty()).collect();
        if let Some(pod) = index.as_ref().and_then(|index| pick(index, &pods))
            && let Some(selector) = &mut service.selector
        {
            service.name.namespace.clone_from(&pod.name.namespace);
            *selector = pod.labels.iter().take(1).map(|(key, value)| (key.clone(), value.clone())).collect();
        }
        service
    }
}

/// Mostly a slice of a Service that is there.
pub(super) fn draft_slice() -> impl Strategy<Value = DraftSlice> {
    (endpoint_slice(), option::weighted(0.7, any::<Index>())).prop_map(|(slice, of)| DraftSlice(slice, of))
}

impl DraftSlice {
    /// The slice in this cluster.
    #[must_use]
    pub fn resolve(&self, cluster: &Cluster) -> EndpointSlice {
        let Self(slice, index) = self;
        let mut slice = slice.clone();
        let services: Vec<&Service> = cluster.services.values().collect();
        if let Some(service) = index.as_ref().and_then(|index| pick(index, &services)) {
            slice.name.namespace.clone_from(&service.name.namespace);
            slice.service = Some(service.name.name.clone());
            let number = |at: usize| slice.ports.get(at).map_or(Some(80), |port| port.port);
            let ports = service.ports.iter().enumerate().map(|(at, port)| SlicePort {
                name: port.name.clone(),
                protocol: port.protocol,
                port: number(at),
            });
            slice.ports = ports.collect();
        }
        slice
    }
}

fn name(kind: &'static str) -> impl Strategy<Value = ObjectName> {
    (select(&CROWDED_NAMESPACES[..]), NUMBERS)
        .prop_map(move |(namespace, number)| ObjectName::new(namespace, format!("{kind}-{number}")))
}

/// A Service of any kind.
fn service() -> impl Strategy<Value = Service> {
    let kind = prop_oneof![
        4 => Just(ServiceKind::ClusterIp),
        1 => Just(ServiceKind::Headless),
        2 => Just(ServiceKind::NodePort),
        2 => Just(ServiceKind::LoadBalancer),
        1 => Just(ServiceKind::ExternalName),
    ];
    let cluster_ips = (
        option::weighted(0.9, select(&CLUSTER_IPS_V4[..])),
        option::weighted(0.6, select(&CLUSTER_IPS_V6[..])),
    );
    let external = || collection::vec(select(&EXTERNAL_IPS[..]), 0..=1);
    let ports = prop_oneof![
        2 => collection::vec(service_port(), 1..=1),
        1 => collection::vec(service_port(), 2..=3),
    ];
    (name("svc"), kind, selector(), cluster_ips, (external(), external()), ports).prop_map(
        |(name, kind, selector, (v4, v6), (external_ips, balanced), ports)| {
            let has_cluster_ips = !matches!(kind, ServiceKind::Headless | ServiceKind::ExternalName);
            let cluster_ips: BTreeSet<IpAddr> = v4.into_iter().chain(v6).map(address).collect();
            Service {
                name,
                kind,
                selector,
                ports: tidy(ports, kind),
                cluster_ips: if has_cluster_ips { cluster_ips } else { BTreeSet::new() },
                external_ips: external_ips.into_iter().map(address).collect(),
                load_balancer_ips: if kind == ServiceKind::LoadBalancer {
                    balanced.into_iter().map(address).collect()
                } else {
                    BTreeSet::new()
                },
            }
        },
    )
}

fn selector() -> impl Strategy<Value = Option<Labels>> {
    let label = (select(&LABEL_KEYS[..]), select(&LABEL_VALUES[..]));
    let labels = collection::vec(label, 1..=2);
    option::weighted(0.85, labels).prop_map(|labels| {
        labels
            .map(|labels| labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    })
}

fn service_port() -> impl Strategy<Value = ServicePort> {
    let target = prop_oneof![
        3 => select(&PORTS[..]).prop_map(TargetPort::Number),
        2 => select(&PORT_NAMES[..]).prop_map(|name| TargetPort::Name(name.to_owned())),
    ];
    let name = prop_oneof![1 => Just(None), 1 => Just(Some("p0".to_owned()))];
    let node_port = option::weighted(0.8, select(&NODE_PORTS[..]));
    (name, protocol(), select(&PORTS[..]), target, node_port).prop_map(
        |(name, protocol, port, target, node_port)| ServicePort { name, protocol, port, target, node_port },
    )
}

/// As the API server would have it: one port for each number, each with a name where there are several.
fn tidy(ports: Vec<ServicePort>, kind: ServiceKind) -> Vec<ServicePort> {
    let has_node_ports = matches!(kind, ServiceKind::NodePort | ServiceKind::LoadBalancer);
    let (mut points, mut node_points): (BTreeSet<(Protocol, u16)>, BTreeSet<_>) = Default::default();
    let mut kept = Vec::new();
    for mut port in ports {
        if points.insert((port.protocol, port.port)) {
            let is_free = |number: &u16| has_node_ports && node_points.insert((port.protocol, *number));
            port.node_port = port.node_port.filter(is_free);
            kept.push(port);
        }
    }
    if kept.len() > 1 {
        for (index, port) in kept.iter_mut().enumerate() {
            port.name = Some(format!("p{index}"));
        }
    }
    kept
}

/// A slice, mostly of a Service that there may be.
fn endpoint_slice() -> impl Strategy<Value = EndpointSlice> {
    let service = option::weighted(0.95, NUMBERS.prop_map(|number| format!("svc-{number}")));
    let address_type = prop_oneof![
        6 => Just(AddressType::Ipv4),
        4 => Just(AddressType::Ipv6),
        1 => Just(AddressType::Fqdn),
    ];
    // Backends end together when a workload is replaced.
    let ending = (false, true, true);
    let mood = prop_oneof![
        4 => Just(None),
        1 => conditions().prop_map(Some),
        1 => Just(Some(ending)),
    ];
    let endpoints = (collection::vec((any::<Index>(), conditions()), 1..=4), mood);
    let ports = collection::vec(slice_port(), 0..=3);
    (name("slice"), service, address_type, endpoints, ports).prop_map(
        |(name, service, address_type, (endpoints, mood), ports)| {
            let endpoints = endpoints
                .iter()
                .map(|(index, conditions)| endpoint(index, mood.unwrap_or(*conditions), address_type));
            let mut names = BTreeSet::new();
            let ports = ports.into_iter().filter(|port| names.insert(port.name.clone())).collect();
            EndpointSlice { name, service, address_type, endpoints: endpoints.collect(), ports }
        },
    )
}

/// Ready, serving, terminating.
pub(super) type Conditions = (bool, bool, bool);

pub(super) fn conditions() -> impl Strategy<Value = Conditions> {
    (bool::weighted(0.6), bool::weighted(0.7), bool::weighted(0.5))
}

fn endpoint(
    index: &Index,
    (ready, serving, terminating): Conditions,
    address_type: AddressType,
) -> SliceEndpoint {
    let node = |(v4, v6): (&'static str, &'static str)| [v4, v6];
    let all = POD_ADDRESSES_V4
        .into_iter()
        .chain(POD_ADDRESSES_V6)
        .chain(NODE_ADDRESSES.into_iter().flat_map(node))
        .chain(OUTSIDE_ADDRESSES)
        .map(address);
    let of_type: Vec<IpAddr> = all
        .filter(|address| match address_type {
            AddressType::Ipv4 => address.is_ipv4(),
            AddressType::Ipv6 => address.is_ipv6(),
            AddressType::Fqdn => false,
        })
        .collect();
    let addresses = pick(index, &of_type).copied().into_iter().collect();
    SliceEndpoint { addresses, ready, serving, terminating }
}

fn slice_port() -> impl Strategy<Value = SlicePort> {
    let name = prop_oneof![
        3 => Just(None),
        3 => Just(Some("p0".to_owned())),
        1 => Just(Some("p1".to_owned())),
    ];
    let port = option::weighted(0.85, select(&PORTS[..]));
    (name, protocol(), port).prop_map(|(name, protocol, port)| SlicePort { name, protocol, port })
}

/// One of two nodes, with its own addresses.
pub(super) fn node() -> impl Strategy<Value = Node> {
    let nodes: Vec<_> = NODE_ADDRESSES.into_iter().enumerate().collect();
    select(nodes).prop_map(|(number, (v4, v6))| Node {
        name: format!("node-{number}"),
        addresses: [v4, v6].map(address).into(),
    })
}
