//! The cluster that a manifest folder describes, and where its pods are in the lab.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use enforcer::{
    model::{ObjectName, Pod, TargetPort},
    source::{Problem, manifest::Folder},
    store::Cluster,
};

use super::column;
use crate::lab::{Lab, PodSpec};

/// Reads a folder once; what is wrong in it does not keep the rest from counting.
pub(super) fn read(manifests: &Path) -> (Cluster, Vec<Problem>) {
    let reading = Folder::new(manifests).read();
    let mut cluster = Cluster::default();
    for event in reading.events {
        cluster.apply(event);
    }
    (cluster, reading.problems)
}

/// The pods to build: those that have a network of their own. Servers listen on container ports, and on
/// the ports that Services send to, for a container may listen without declaring it.
pub(super) fn pods_to_build(cluster: &Cluster) -> Vec<PodSpec> {
    let mut ports: BTreeMap<ObjectName, BTreeSet<_>> = BTreeMap::new();
    for pod in cluster.pods.values().filter(|pod| pod.is_on_pod_network()) {
        let own = pod.ports.iter().map(|port| (port.protocol, port.port));
        ports.entry(pod.name.clone()).or_default().extend(own);
    }
    for service in cluster.services.values() {
        for port in &service.ports {
            for pod in column::backends(cluster, service) {
                if let Some(number) = target(pod, port.protocol, &port.target) {
                    ports.entry(pod.name.clone()).or_default().insert((port.protocol, number));
                }
            }
        }
    }
    ports.into_iter().map(|(name, ports)| PodSpec { name, ports, addresses: BTreeSet::new() }).collect()
}

/// The number of a Service's target port on a backend; a name is the name of one of its container ports.
pub(super) fn target(pod: &Pod, protocol: enforcer::model::Protocol, target: &TargetPort) -> Option<u16> {
    match target {
        TargetPort::Number(number) => Some(*number),
        TargetPort::Name(name) => pod
            .ports
            .iter()
            .find(|port| port.protocol == protocol && port.name.as_ref() == Some(name))
            .map(|port| port.port),
    }
}

/// The cluster with its pods at their addresses in the lab.
pub(super) fn at_lab_addresses(mut cluster: Cluster, lab: &Lab) -> Cluster {
    for (name, pod) in &mut cluster.pods {
        pod.addresses = lab.pods().get(name).map(|pod| pod.addresses().clone()).unwrap_or_default();
    }
    cluster
}
