//! Under which key the tables keep a packet's flow.

use enforcer::{model::Direction, tuple::FlowTuple};
use enforcer_common::tables::{Ports, REMOTE_ASKS};

use crate::frame::{Packet, Transport};

/// The flow of a packet at an endpoint.
#[must_use]
pub fn tuple_of(packet: &Packet, interface: u32) -> FlowTuple {
    let (local_port, remote_port) = match packet.transport {
        Transport::Tcp { local, remote, .. }
        | Transport::Udp { local, remote }
        | Transport::Sctp { local, remote, .. } => (local, remote),
        Transport::Icmp { identifier, .. } if packet.is_echo() => (identifier, identifier),
        Transport::Icmp { .. } | Transport::Other { .. } => (0, 0),
    };
    let remote_asks =
        packet.is_echo() && packet.is_echo_request() == (packet.direction == Direction::Ingress);
    FlowTuple {
        interface,
        local: packet.local,
        remote: packet.remote,
        ports: Ports { local: local_port, remote: remote_port },
        kind: u32::from(packet.protocol()) | if remote_asks { REMOTE_ASKS } else { 0 },
    }
}
