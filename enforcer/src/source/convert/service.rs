//! `v1` Service.

use std::{collections::BTreeSet, net::IpAddr};

use k8s_openapi::{api::core::v1, apimachinery::pkg::util::intstr::IntOrString};

use super::{
    Fault, Field, Findings,
    address::convert_addresses,
    meta::{NameSyntax, convert_labels, convert_object_name},
    name::{is_dns_label, is_port_name},
    port::{convert_number, convert_protocol},
};
use crate::model::{Service, ServicePort, TargetPort};

/// `clusterIP` of a headless Service.
const HEADLESS: &str = "None";

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
        let at_ports = field.child("ports");
        let ports = spec
            .ports
            .iter()
            .flatten()
            .enumerate()
            .filter_map(|(index, port)| convert_port(port, &at_ports.index(index), findings))
            .collect();
        Some(Service {
            name: name?,
            selector,
            ports,
            cluster_ips: convert_cluster_ips(spec, &field, findings),
        })
    })
}

fn convert_port(port: &v1::ServicePort, field: &Field, findings: &mut Findings) -> Option<ServicePort> {
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
    Some(ServicePort { name, protocol: protocol?, port: number?, target: target? })
}

/// `clusterIP` is the first of `clusterIPs`; older writers set only the former.
fn convert_cluster_ips(spec: &v1::ServiceSpec, field: &Field, findings: &mut Findings) -> BTreeSet<IpAddr> {
    let first = spec.cluster_ip.as_deref().map(|ip| (field.child("clusterIP"), ip));
    let at_all = field.child("clusterIPs");
    let all =
        spec.cluster_ips.iter().flatten().enumerate().map(|(index, ip)| (at_all.index(index), ip.as_str()));
    let written = first.into_iter().chain(all).filter(|(_, ip)| !ip.is_empty() && *ip != HEADLESS);
    convert_addresses(written, findings)
}
