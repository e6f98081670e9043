//! Ports and protocols.

use k8s_openapi::{api::networking::v1::NetworkPolicyPort, apimachinery::pkg::util::intstr::IntOrString};

use super::{Fault, Field, Findings, name::is_port_name};
use crate::model::{NamedPort, PortMatch, PortRange, Ports, Protocol};

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
    let at_port = field.child("port");
    let at_end = field.child("endPort");
    let (first, last) = match (&port.port, port.end_port) {
        (None, None) => (0, u16::MAX),
        (None, Some(_)) => return findings.refuse(&at_end, Fault::EndPortWithoutPort),
        (Some(IntOrString::Int(first)), None) => {
            let number = convert_number(*first, &at_port, findings)?;
            (number, number)
        }
        (Some(IntOrString::Int(first)), Some(last)) => {
            let number = convert_number(*first, &at_port, findings);
            if last < *first {
                findings.note(&at_end, Fault::EndPortBelow { end: last, port: *first });
            }
            let end = convert_number(last, &at_end, findings);
            (number?, end?)
        }
        (Some(IntOrString::String(name)), end) => {
            if end.is_some() {
                findings.note(&at_end, Fault::EndPortOfName);
            }
            if !is_port_name(name) {
                return findings.refuse(&at_port, Fault::PortName(name.clone()));
            }
            return Some(PortMatch::Named(NamedPort { protocol: protocol?, name: name.clone() }));
        }
    };
    Some(PortMatch::Range(PortRange { protocol: protocol?, first, last }))
}

/// A port number, 1 to 65535.
pub(super) fn convert_number(number: i32, field: &Field, findings: &mut Findings) -> Option<u16> {
    match u16::try_from(number) {
        Ok(port) if port > 0 => Some(port),
        Ok(_) | Err(_) => findings.refuse(field, Fault::PortNumber(i64::from(number))),
    }
}

/// `protocol` of the port at `field`; missing is TCP. (Where the API has no pointer, its user takes "" for missing.)
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
