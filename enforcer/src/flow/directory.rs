//! Who is who: names for interfaces, addresses and rules, as of the last applied image.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use enforcer_common::{Direction, Reason, event::DropEvent, packet::protocol};

use super::record::{DropRecord, EndpointName, Party, RuleReference};
use crate::{
    model::{Endpoint, ObjectName, Pod},
    plan::{MapImage, RuleName},
};

/// Names for what events number.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    interfaces: BTreeMap<u32, EndpointName>,
    owners: BTreeMap<IpAddr, ObjectName>,
    rules: BTreeMap<u32, Arc<RuleName>>,
}

impl Directory {
    /// The names behind an image. Interfaces that have gone keep the name that they last had, since their
    /// events may still be on the way.
    pub fn update(&mut self, owners: &BTreeMap<IpAddr, &Pod>, endpoints: &[Endpoint], image: &MapImage) {
        for endpoint in endpoints {
            let name = EndpointName {
                namespace: endpoint.pod.namespace.clone(),
                pod: endpoint.pod.name.clone(),
                interface: endpoint.interface.clone(),
            };
            self.interfaces.insert(endpoint.interface_index, name);
        }
        // Most changes leave all addresses to their pods.
        let known = self.owners.iter();
        if !known.eq(owners.iter().map(|(address, pod)| (address, &pod.name))) {
            self.owners = owners.iter().map(|(address, pod)| (*address, pod.name.clone())).collect();
        }
        self.rules = image.names.rule_names().clone();
    }

    /// Names an event. `boot` is the wall-clock time at which the kernel's boot clock stood at 0.
    #[must_use]
    pub fn name(&self, event: &DropEvent, boot: jiff::Timestamp) -> DropRecord {
        let direction = Direction::from_number(event.direction).unwrap_or(Direction::Ingress);
        let since_boot = jiff::SignedDuration::from_nanos(i64::try_from(event.time).unwrap_or(i64::MAX));
        DropRecord {
            time: boot.checked_add(since_boot).unwrap_or(jiff::Timestamp::MAX),
            reason: Reason::from_number(event.reason).unwrap_or(Reason::Inconsistent).name(),
            direction: match direction {
                Direction::Ingress => "ingress",
                Direction::Egress => "egress",
            },
            protocol: protocol_name(event),
            source: self.party(event, event.source, event.source_port),
            destination: self.party(event, event.destination, event.destination_port),
            endpoint: self.interfaces.get(&event.endpoint).cloned().unwrap_or_else(|| EndpointName {
                interface: format!("if{}", event.endpoint),
                ..EndpointName::default()
            }),
            rule: self.rules.get(&event.rule).map(|name| RuleReference::from(name.as_ref())),
            generation: event.generation,
            length: event.length,
        }
    }

    fn party(&self, event: &DropEvent, address: [u8; 16], port: u16) -> Option<Party> {
        let address = match event.family {
            4 => {
                let [a, b, c, d, ..] = address;
                IpAddr::from([a, b, c, d])
            }
            6 => IpAddr::from(address),
            _ => return None,
        };
        let owner = self.owners.get(&address);
        Some(Party {
            address,
            // An echo's identifier stands in the place of the ports.
            port: (port != 0 && has_ports(event.protocol)).then_some(port),
            namespace: owner.map(|name| name.namespace.clone()),
            pod: owner.map(|name| name.name.clone()),
        })
    }
}

fn has_ports(number: u8) -> bool {
    [protocol::TCP, protocol::UDP, protocol::SCTP].contains(&number)
}

fn protocol_name(event: &DropEvent) -> String {
    if event.family == 0 {
        return format!("EtherType {:#06x}", event.ether_type);
    }
    let name = match event.protocol {
        1 => "ICMP",
        2 => "IGMP",
        6 => "TCP",
        17 => "UDP",
        50 => "ESP",
        51 => "AH",
        58 => "ICMPv6",
        132 => "SCTP",
        other => return other.to_string(),
    };
    name.to_owned()
}
