//! `v1` Pod, and the template of a workload's pods.

use std::{collections::BTreeSet, net::IpAddr};

use k8s_openapi::{api::core::v1, apimachinery::pkg::apis::meta::v1::ObjectMeta};

use super::{
    Fault, Field, Findings,
    address::convert_addresses,
    meta::{NameSyntax, convert_labels, convert_object_name},
    name::is_port_name,
    port::{convert_number, convert_protocol},
};
use crate::model::{ContainerPort, Pod, PodState};

/// Converts a Pod.
pub fn convert_pod(object: &v1::Pod, findings: &mut Findings) -> Option<Pod> {
    findings.guard(|findings| {
        let name = convert_object_name(&object.metadata, NameSyntax::Subdomain, findings);
        let labels = convert_labels(
            object.metadata.labels.as_ref(),
            &Field::root("metadata").child("labels"),
            findings,
        );
        let ports = convert_ports(object.spec.as_ref(), &Field::root("spec"), findings);
        let status = object.status.as_ref();
        Some(Pod {
            name: name?,
            uid: object.metadata.uid.clone().unwrap_or_default(),
            static_uid: static_uid(&object.metadata),
            labels,
            addresses: convert_status_addresses(status, findings),
            state: convert_state(object),
            started: status.and_then(|status| status.start_time.as_ref()).map(|time| time.0.as_second()),
            // Which node is ours the source knows.
            is_local: false,
            host_network: is_host_network(object.spec.as_ref()),
            ports,
        })
    })
}

/// A mirror has both annotations: the first says that it is one.
fn static_uid(meta: &ObjectMeta) -> Option<String> {
    let annotations = meta.annotations.as_ref()?;
    annotations.get("kubernetes.io/config.mirror")?;
    annotations.get("kubernetes.io/config.hash").cloned()
}

/// `spec.hostNetwork`
pub(super) fn is_host_network(spec: Option<&v1::PodSpec>) -> bool {
    spec.and_then(|spec| spec.host_network).unwrap_or_default()
}

/// The ports of all containers that stay as long as the pod does. Those of the others are checked only.
pub(super) fn convert_ports(
    spec: Option<&v1::PodSpec>,
    field: &Field,
    findings: &mut Findings,
) -> Vec<ContainerPort> {
    let Some(spec) = spec else { return Vec::new() };
    let at_containers = field.child("containers");
    let at_init = field.child("initContainers");
    let containers = spec.containers.iter().enumerate().map(|(index, one)| (at_containers.index(index), one));
    let init = spec.init_containers.iter().flatten().enumerate();
    let init = init.map(|(index, one)| (at_init.index(index), one));
    let is_sidecar = |one: &v1::Container| one.restart_policy.as_deref() == Some("Always");
    let mut stay = Vec::new();
    for (field, container) in containers {
        stay.extend(convert_container(container, &field, findings));
    }
    for (field, container) in init {
        let ports = convert_container(container, &field, findings);
        stay.extend(ports.into_iter().filter(|_| is_sidecar(container)));
    }
    stay
}

/// A name may come twice in a pod, but not in a container.
fn convert_container(
    container: &v1::Container,
    field: &Field,
    findings: &mut Findings,
) -> Vec<ContainerPort> {
    let at_ports = field.child("ports");
    let mut names = BTreeSet::new();
    let mut converted = Vec::new();
    for (index, port) in container.ports.iter().flatten().enumerate() {
        let field = at_ports.index(index);
        if let Some(name) = port.name.as_ref().filter(|name| !name.is_empty()) {
            let at_name = field.child("name");
            if !is_port_name(name) {
                findings.note(&at_name, Fault::PortName(name.clone()));
            } else if !names.insert(name) {
                findings.note(&at_name, Fault::Duplicate(name.clone()));
            }
        }
        converted.extend(convert_port(port, &field, findings));
    }
    converted
}

fn convert_port(port: &v1::ContainerPort, field: &Field, findings: &mut Findings) -> Option<ContainerPort> {
    let at_number = field.child("containerPort");
    let number = match port.container_port {
        // In the API's own type a missing number is 0.
        0 => findings.refuse(&at_number, Fault::Missing),
        number => convert_number(number, &at_number, findings),
    };
    if let Some(host_port) = port.host_port.filter(|port| *port != 0) {
        convert_number(host_port, &field.child("hostPort"), findings);
    }
    let protocol = port.protocol.as_deref().filter(|protocol| !protocol.is_empty());
    let protocol = convert_protocol(protocol, field, findings);
    let name = port.name.clone().filter(|name| !name.is_empty());
    Some(ContainerPort { name, protocol: protocol?, port: number? })
}

/// `podIP` is the first of `podIPs`; very old writers set only the former.
fn convert_status_addresses(status: Option<&v1::PodStatus>, findings: &mut Findings) -> BTreeSet<IpAddr> {
    let Some(status) = status else { return BTreeSet::new() };
    let field = Field::root("status");
    let first = status.pod_ip.as_deref().map(|ip| (field.child("podIP"), ip));
    let at_all = field.child("podIPs");
    let all = status
        .pod_ips
        .iter()
        .flatten()
        .enumerate()
        .map(|(index, ip)| (at_all.index(index).child("ip"), ip.ip.as_str()));
    convert_addresses(first.into_iter().chain(all).filter(|(_, written)| !written.is_empty()), findings)
}

fn convert_state(object: &v1::Pod) -> PodState {
    match object.status.as_ref().and_then(|status| status.phase.as_deref()) {
        Some("Succeeded" | "Failed") => PodState::Finished,
        _ if object.metadata.deletion_timestamp.is_some() => PodState::Terminating,
        _ => PodState::Live,
    }
}
