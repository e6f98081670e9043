//! `discovery.k8s.io/v1` EndpointSlice.

use std::collections::BTreeSet;

use k8s_openapi::api::discovery::v1;

use super::{
    Fault, Field, Findings,
    address::convert_outer_address,
    meta::{NameSyntax, convert_labels, convert_object_name},
    name::is_dns_label,
    port::{convert_number, convert_protocol},
};
use crate::model::{AddressType, EndpointSlice, SliceEndpoint, SlicePort};

/// The label that names the Service.
const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// The API server's limits.
const ENDPOINTS_MAX: usize = 1000;
const ADDRESSES_MAX: usize = 100;

/// Converts an EndpointSlice.
pub fn convert_endpoint_slice(object: &v1::EndpointSlice, findings: &mut Findings) -> Option<EndpointSlice> {
    findings.guard(|findings| {
        let name = convert_object_name(&object.metadata, NameSyntax::Subdomain, findings);
        let labels = convert_labels(
            object.metadata.labels.as_ref(),
            &Field::root("metadata").child("labels"),
            findings,
        );
        let address_type = convert_address_type(&object.address_type, findings);
        let ports = convert_ports(object.ports.as_deref().unwrap_or_default(), findings);
        let address_type = address_type?;
        let endpoints =
            convert_endpoints(object.endpoints.as_deref().unwrap_or_default(), address_type, findings);
        let service = labels.get(SERVICE_LABEL).filter(|service| !service.is_empty()).cloned();
        Some(EndpointSlice { name: name?, service, address_type, endpoints, ports })
    })
}

fn convert_address_type(written: &str, findings: &mut Findings) -> Option<AddressType> {
    let field = Field::root("addressType");
    match written {
        "IPv4" => Some(AddressType::Ipv4),
        "IPv6" => Some(AddressType::Ipv6),
        "FQDN" => Some(AddressType::Fqdn),
        "" => findings.refuse(&field, Fault::Missing),
        other => findings
            .refuse(&field, Fault::Unsupported { value: other.to_owned(), allowed: "IPv4, IPv6, FQDN" }),
    }
}

fn convert_endpoints(
    endpoints: &[v1::Endpoint],
    address_type: AddressType,
    findings: &mut Findings,
) -> Vec<SliceEndpoint> {
    let field = Field::root("endpoints");
    if endpoints.len() > ENDPOINTS_MAX {
        findings.note(&field, Fault::TooMany { count: endpoints.len(), limit: ENDPOINTS_MAX });
    }
    endpoints
        .iter()
        .enumerate()
        .map(|(index, endpoint)| convert_endpoint(endpoint, address_type, &field.index(index), findings))
        .collect()
}

fn convert_endpoint(
    endpoint: &v1::Endpoint,
    address_type: AddressType,
    field: &Field,
    findings: &mut Findings,
) -> SliceEndpoint {
    let at_addresses = field.child("addresses");
    let count = endpoint.addresses.len();
    if count == 0 {
        findings.note(&at_addresses, Fault::Missing);
    } else if count > ADDRESSES_MAX {
        findings.note(&at_addresses, Fault::TooMany { count, limit: ADDRESSES_MAX });
    }
    let mut addresses = BTreeSet::new();
    for (index, written) in endpoint.addresses.iter().enumerate() {
        let field = at_addresses.index(index);
        let wanted = match address_type {
            AddressType::Ipv4 => "IPv4",
            AddressType::Ipv6 => "IPv6",
            AddressType::Fqdn => continue,
        };
        let Some(address) = convert_outer_address(written, &field, findings) else { continue };
        if address.is_ipv4() != (address_type == AddressType::Ipv4) {
            findings.note(&field, Fault::OtherFamily { address: address.to_string(), wanted });
        }
        addresses.insert(address);
    }
    let conditions = endpoint.conditions.as_ref();
    SliceEndpoint {
        addresses,
        ready: conditions.and_then(|conditions| conditions.ready).unwrap_or(true),
        serving: conditions.and_then(|conditions| conditions.serving).unwrap_or(true),
        terminating: conditions.and_then(|conditions| conditions.terminating).unwrap_or(false),
    }
}

fn convert_ports(ports: &[v1::EndpointPort], findings: &mut Findings) -> Vec<SlicePort> {
    let field = Field::root("ports");
    let mut names = BTreeSet::new();
    let mut converted = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        let field = field.index(index);
        let name = port.name.clone().filter(|name| !name.is_empty());
        let at_name = field.child("name");
        if let Some(name) = name.as_ref().filter(|name| !is_dns_label(name)) {
            findings.note(&at_name, Fault::DnsLabel(name.clone()));
        }
        if !names.insert(name.clone()) {
            findings.note(&at_name, Fault::Duplicate(name.clone().unwrap_or_default()));
        }
        let protocol = convert_protocol(port.protocol.as_deref(), &field, findings);
        let number = match port.port {
            None => Some(None),
            Some(number) => convert_number(number, &field.child("port"), findings).map(Some),
        };
        if let (Some(protocol), Some(port)) = (protocol, number) {
            converted.push(SlicePort { name, protocol, port });
        }
    }
    converted
}
