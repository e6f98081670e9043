//! `ports` of rules and of containers.

use enforcer::model::{ContainerPort, NamedPort, PortMatch, PortRange, Ports, Protocol};
use proptest::{collection, option, prelude::*, sample::select};

use super::universe::{ABSENT_PORT_NAME, PORT_NAMES, PORTS};

/// Everything, or up to three entries, which may overlap.
pub fn ports() -> impl Strategy<Value = Ports> {
    prop_oneof![
        2 => Just(Ports::Any),
        3 => collection::vec(port_match(), 1..=3).prop_map(Ports::Listed),
    ]
}

/// One or two named ports.
pub(super) fn named_ports() -> impl Strategy<Value = Ports> {
    collection::vec(named().prop_map(PortMatch::Named), 1..=2).prop_map(Ports::Listed)
}

pub(super) fn protocol() -> impl Strategy<Value = Protocol> {
    prop_oneof![3 => Just(Protocol::Tcp), 2 => Just(Protocol::Udp), 1 => Just(Protocol::Sctp)]
}

/// Up to six ports of a pod's containers. Two containers may give one name.
pub(super) fn container_ports() -> impl Strategy<Value = Vec<ContainerPort>> {
    let name = option::weighted(0.9, select(&PORT_NAMES[..]));
    let port = (name, protocol(), select(&PORTS[..])).prop_map(|(name, protocol, port)| ContainerPort {
        name: name.map(str::to_owned),
        protocol,
        port,
    });
    collection::vec(port, 0..=6)
}

fn port_match() -> impl Strategy<Value = PortMatch> {
    prop_oneof![range().prop_map(PortMatch::Range), named().prop_map(PortMatch::Named)]
}

fn range() -> impl Strategy<Value = PortRange> {
    let port = || select(&PORTS[..]);
    let range = prop_oneof![
        4 => port().prop_map(|port| (port, port)),
        3 => (port(), port()).prop_map(|(one, other)| (one.min(other), one.max(other))),
        1 => Just((0, u16::MAX)),
    ];
    (protocol(), range).prop_map(|(protocol, (first, last))| PortRange { protocol, first, last })
}

fn named() -> impl Strategy<Value = NamedPort> {
    let name = prop_oneof![7 => select(&PORT_NAMES[..]), 1 => Just(ABSENT_PORT_NAME)];
    (protocol(), name).prop_map(|(protocol, name)| NamedPort { protocol, name: name.to_owned() })
}
