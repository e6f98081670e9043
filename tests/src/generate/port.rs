//! `ports` of rules.

use enforcer::model::{PortMatch, Ports, Protocol};
use proptest::{collection, prelude::*, sample::select};

use super::universe::PORTS;

/// Everything, or up to three entries, which may overlap.
pub fn ports() -> impl Strategy<Value = Ports> {
    prop_oneof![
        2 => Just(Ports::Any),
        3 => collection::vec(port_match(), 1..=3).prop_map(Ports::Listed),
    ]
}

pub(super) fn protocol() -> impl Strategy<Value = Protocol> {
    prop_oneof![3 => Just(Protocol::Tcp), 2 => Just(Protocol::Udp), 1 => Just(Protocol::Sctp)]
}

fn port_match() -> impl Strategy<Value = PortMatch> {
    let port = || select(&PORTS[..]);
    let range = prop_oneof![
        4 => port().prop_map(|port| (port, port)),
        3 => (port(), port()).prop_map(|(one, other)| (one.min(other), one.max(other))),
        1 => Just((0, u16::MAX)),
    ];
    (protocol(), range).prop_map(|(protocol, (first, last))| PortMatch { protocol, first, last })
}
