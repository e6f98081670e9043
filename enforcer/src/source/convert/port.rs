//! Ports and protocols.

use k8s_openapi::{api::networking::v1::NetworkPolicyPort, apimachinery::pkg::util::intstr::IntOrString};

use super::{Fault, Field, Findings, name::is_port_name};
use crate::model::{PortMatch, Ports, Protocol};

/// `ports` of a policy's rule: a missing or an empty list matches everything.
pub(super) fn convert_policy_ports(
    ports: Option<&[NetworkPolicyPort]>,
    field: &Field,
    findings: &mut Findings,
) -> Option<Ports> {
    let ports = ports.unwrap_or_default();
    if ports.is_empty() {
        return Some(Ports::Any);
    }
    let matches = ports
        .iter()
        .enumerate()
        .filter_map(|(index, port)| convert_policy_port(port, &field.index(index), findings))
        .collect();
    Some(Ports::Listed(matches))
}

fn convert_policy_port(
    port: &NetworkPolicyPort,
    field: &Field,
    findings: &mut Findings,
) -> Option<PortMatch> {
    let protocol = convert_protocol(port.protocol.as_deref(), field, findings);
    let (first, last) = match (&port.port, port.end_port) {
        (None, None) => Some((0, u16::MAX)),
        (None, Some(_)) => findings.refuse(&field.child("endPort"), Fault::EndPortAlone),
        (Some(IntOrString::Int(first)), None) => {
            convert_number(*first, &field.child("port"), findings).map(|port| (port, port))
        }
        (Some(IntOrString::Int(first)), Some(last)) => convert_range(*first, last, field, findings),
        (Some(IntOrString::String(name)), end) => {
            if end.is_some() {
                findings.note(&field.child("endPort"), Fault::EndPortAlone);
            }
            let valid = is_port_name(name);
            let fault = if valid { Fault::NamedPort(name.clone()) } else { Fault::PortName(name.clone()) };
            findings.refuse(&field.child("port"), fault)
        }
    }?;
    Some(PortMatch { protocol: protocol?, first, last })
}

fn convert_range(first: i32, last: i32, field: &Field, findings: &mut Findings) -> Option<(u16, u16)> {
    let at_end = field.child("endPort");
    let range =
        (convert_number(first, &field.child("port"), findings), convert_number(last, &at_end, findings));
    if last < first {
        findings.note(&at_end, Fault::EndPortBelow { end: last, port: first });
    }
    Some((range.0?, range.1?))
}

/// A port number, 1 to 65535.
pub(super) fn convert_number(number: i32, field: &Field, findings: &mut Findings) -> Option<u16> {
    match u16::try_from(number) {
        Ok(port) if port > 0 => Some(port),
        Ok(_) | Err(_) => findings.refuse(field, Fault::PortNumber(i64::from(number))),
    }
}

/// `protocol` of the port at `field`; missing is TCP.
pub(super) fn convert_protocol(
    protocol: Option<&str>,
    field: &Field,
    findings: &mut Findings,
) -> Option<Protocol> {
    match protocol {
        None | Some("TCP") => Some(Protocol::Tcp),
        Some("UDP") => Some(Protocol::Udp),
        Some("SCTP") => Some(Protocol::Sctp),
        Some(other) => findings.refuse(
            &field.child("protocol"),
            Fault::Unsupported { value: other.to_owned(), allowed: "TCP, UDP, SCTP" },
        ),
    }
}
