//! `v1` Service.

use std::collections::BTreeSet;

use k8s_openapi::{api::core::v1, apimachinery::pkg::util::intstr::IntOrString};

use super::{
    Fault, Field, Findings,
    meta::{NameSyntax, convert_labels, convert_object_name},
    name::{is_dns_label, is_dns_subdomain, is_port_name},
    port::{convert_number, convert_protocol},
    service_address::{convert_cluster_ips, convert_external_ips, convert_load_balancer_ips, is_headless},
};
use crate::model::{Protocol, Service, ServiceKind, ServicePort, TargetPort};

/// Converts a Service.
pub fn convert_service(object: &v1::Service, findings: &mut Findings) -> Option<Service> {
    findings.guard(|findings| {
        let name = convert_object_name(&object.metadata, NameSyntax::Label, findings);
        let field = Field::root("spec");
        let empty = v1::ServiceSpec::default();
        let spec = object.spec.as_ref().unwrap_or(&empty);
        let selector = spec
            .selector
            .as_ref()
            // The server drops an empty map, and without a selector somebody else makes the endpoints.
            .filter(|selector| !selector.is_empty())
            .map(|selector| convert_labels(Some(selector), &field.child("selector"), findings));
        let kind = convert_kind(spec, &field, findings);
        let ports = convert_ports(spec, kind?, &field.child("ports"), findings);
        Some(Service {
            name: name?,
            kind: kind?,
            selector,
            ports,
            cluster_ips: convert_cluster_ips(spec, kind?, &field, findings),
            external_ips: convert_external_ips(spec, &field, findings),
            load_balancer_ips: convert_load_balancer_ips(object.status.as_ref(), findings),
        })
    })
}

fn convert_kind(spec: &v1::ServiceSpec, field: &Field, findings: &mut Findings) -> Option<ServiceKind> {
    let headless = is_headless(spec);
    match spec.type_.as_deref() {
        None | Some("" | "ClusterIP") if headless => Some(ServiceKind::Headless),
        None | Some("" | "ClusterIP") => Some(ServiceKind::ClusterIp),
        Some("NodePort") if headless => {
            findings.refuse(&field.child("clusterIP"), Fault::HeadlessOfType("NodePort"))
        }
        Some("LoadBalancer") if headless => {
            findings.refuse(&field.child("clusterIP"), Fault::HeadlessOfType("LoadBalancer"))
        }
        Some("NodePort") => Some(ServiceKind::NodePort),
        Some("LoadBalancer") => Some(ServiceKind::LoadBalancer),
        Some("ExternalName") => {
            let at_name = field.child("externalName");
            let name = spec.external_name.as_deref().unwrap_or_default();
            // The server takes a name that ends with a dot.
            let name = name.strip_suffix('.').unwrap_or(name);
            if name.is_empty() {
                return findings.refuse(&at_name, Fault::Missing);
            }
            if !is_dns_subdomain(name) {
                return findings.refuse(&at_name, Fault::DnsSubdomain(name.to_owned()));
            }
            Some(ServiceKind::ExternalName)
        }
        Some(other) => {
            let allowed = "ClusterIP, NodePort, LoadBalancer, ExternalName";
            findings.refuse(&field.child("type"), Fault::Unsupported { value: other.to_owned(), allowed })
        }
    }
}

fn convert_ports(
    spec: &v1::ServiceSpec,
    kind: ServiceKind,
    field: &Field,
    findings: &mut Findings,
) -> Vec<ServicePort> {
    let written = spec.ports.as_deref().unwrap_or_default();
    if written.is_empty() && !matches!(kind, ServiceKind::Headless | ServiceKind::ExternalName) {
        findings.note(field, Fault::Missing);
    }
    let mut names = BTreeSet::new();
    let mut points: BTreeSet<(Protocol, u16)> = BTreeSet::new();
    let mut node_points: BTreeSet<(Protocol, u16)> = BTreeSet::new();
    let mut ports = Vec::new();
    for (index, port) in written.iter().enumerate() {
        let field = field.index(index);
        let Some(port) = convert_port(port, kind, &field, findings) else { continue };
        let ServicePort { name, protocol, port: number, node_port, .. } = &port;
        match name {
            None if written.len() > 1 => findings.note(&field.child("name"), Fault::Missing),
            Some(name) if !names.insert(name.clone()) => {
                findings.note(&field.child("name"), Fault::Duplicate(name.clone()));
            }
            None | Some(_) => {}
        }
        if !points.insert((*protocol, *number)) {
            findings.note(&field, Fault::Duplicate(format!("{protocol} port {number}")));
        }
        if let Some(number) = node_port
            && !node_points.insert((*protocol, *number))
        {
            let at_node_port = field.child("nodePort");
            findings.note(&at_node_port, Fault::Duplicate(format!("{protocol} port {number}")));
        }
        ports.push(port);
    }
    ports
}

fn convert_port(
    port: &v1::ServicePort,
    kind: ServiceKind,
    field: &Field,
    findings: &mut Findings,
) -> Option<ServicePort> {
    let number = convert_number(port.port, &field.child("port"), findings);
    let protocol = convert_protocol(port.protocol.as_deref(), field, findings);
    let name = port.name.clone().filter(|name| !name.is_empty());
    if let Some(name) = name.as_ref().filter(|name| !is_dns_label(name)) {
        findings.note(&field.child("name"), Fault::DnsLabel(name.clone()));
    }
    let at_target = field.child("targetPort");
    let target = match &port.target_port {
        // The server takes 0 and "" for missing.
        None | Some(IntOrString::Int(0)) => number.map(TargetPort::Number),
        Some(IntOrString::String(name)) if name.is_empty() => number.map(TargetPort::Number),
        Some(IntOrString::Int(target)) => {
            convert_number(*target, &at_target, findings).map(TargetPort::Number)
        }
        Some(IntOrString::String(name)) if is_port_name(name) => Some(TargetPort::Name(name.clone())),
        Some(IntOrString::String(name)) => findings.refuse(&at_target, Fault::PortName(name.clone())),
    };
    let at_node_port = field.child("nodePort");
    let node_port = match (port.node_port, kind) {
        (None | Some(0), _) => None,
        (Some(number), ServiceKind::NodePort | ServiceKind::LoadBalancer) => {
            convert_number(number, &at_node_port, findings)
        }
        (Some(_), ServiceKind::ClusterIp | ServiceKind::Headless) => {
            findings.refuse(&at_node_port, Fault::NotOfType("ClusterIP"))
        }
        (Some(_), ServiceKind::ExternalName) => {
            findings.refuse(&at_node_port, Fault::NotOfType("ExternalName"))
        }
    };
    Some(ServicePort { name, protocol: protocol?, port: number?, target: target?, node_port })
}
