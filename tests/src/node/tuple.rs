//! Under which key the tables keep a packet's flow.

use enforcer::{model::Direction, tuple::FlowTuple};
use enforcer_common::tables::{Ports, REMOTE_ASKS};

use crate::frame::Packet;

/// The flow of a packet at an endpoint.
#[must_use]
pub fn tuple_of(packet: &Packet, interface: u32) -> FlowTuple {
    let (local_port, remote_port) = packet.flow_ports();
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
