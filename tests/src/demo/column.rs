//! Columns of the matrix: the ports of Services. A lab has no kube-proxy, so a Service port is tried
//! where it leads: at the target port of each of its pods.

use enforcer::{
    model::{ObjectName, Pod, Protocol, Service},
    store::Cluster,
};

use super::cluster::target;

/// A Service port.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// The Service.
    pub(super) service: ObjectName,
    /// Its protocol.
    pub(super) protocol: Protocol,
    /// The Service's port.
    pub(super) port: u16,
    /// The pods behind it, each with the port where it is tried.
    pub(super) backends: Vec<(ObjectName, u16)>,
}

/// All Service ports that can be tried, and, as sentences, those that cannot.
pub(super) fn columns(cluster: &Cluster) -> (Vec<Column>, Vec<String>) {
    let (mut columns, mut untried) = (Vec::new(), Vec::new());
    for service in cluster.services.values() {
        if service.ports.is_empty() {
            untried.push(format!("Service {}: it has no ports", service.name));
        }
        for port in &service.ports {
            let column = Column {
                service: service.name.clone(),
                protocol: port.protocol,
                port: port.port,
                backends: backends(cluster, service)
                    .filter_map(|pod| Some((pod.name.clone(), target(pod, port.protocol, &port.target)?)))
                    .collect(),
            };
            match why_untried(cluster, service, &column) {
                None => columns.push(column),
                Some(why) => {
                    let protocol = port.protocol;
                    untried.push(format!("Service {} {protocol} {}: {why}", service.name, port.port));
                }
            }
        }
    }
    let namespaces =
        |namespace: &str| columns.iter().filter(|column| column.service.namespace == namespace).count();
    let mut order: Vec<Column> = columns.clone();
    order.sort_by_key(|column| {
        let namespace = &column.service.namespace;
        (std::cmp::Reverse(namespaces(namespace)), namespace.clone())
    });
    (order, untried)
}

fn why_untried(cluster: &Cluster, service: &Service, column: &Column) -> Option<&'static str> {
    if column.protocol == Protocol::Sctp {
        Some("SCTP is not tried here")
    } else if service.selector.is_none() {
        Some("it has no selector, so its backends are not known here")
    } else if backends(cluster, service).next().is_none() {
        Some("its selector matches no pod")
    } else if column.backends.is_empty() {
        Some("none of its pods has a container port of the target's name and protocol")
    } else {
        None
    }
}

/// The pods that a Service selects.
pub(super) fn backends<'a>(cluster: &'a Cluster, service: &'a Service) -> impl Iterator<Item = &'a Pod> {
    cluster.pods.values().filter(move |pod| {
        pod.is_on_pod_network()
            && pod.name.namespace == service.name.namespace
            && service.selector.as_ref().is_some_and(|selector| {
                // A Service with an empty selector selects nothing, unlike a policy.
                !selector.is_empty() && selector.iter().all(|(key, value)| pod.labels.get(key) == Some(value))
            })
    })
}
