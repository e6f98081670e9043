//! What is remembered of a flow, and by what it is found.

use std::net::IpAddr;

use enforcer::model::{Direction, Protocol};

use crate::frame::{Packet, TcpFlags, Transport};

/// The same for both directions of travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The endpoint's side.
    pub local: IpAddr,
    /// The other side.
    pub remote: IpAddr,
    /// Port, or identifier of an echo, or 0.
    pub local_port: u16,
    /// Port, or identifier of an echo, or 0.
    pub remote_port: u16,
    /// IANA number.
    pub protocol: u8,
    /// Who asks, in an echo: the other side's requests with the same identifier are another flow.
    pub asker: Option<Opener>,
}

impl Key {
    /// The key of the flow that a packet belongs to.
    #[must_use]
    pub fn of(packet: &Packet) -> Self {
        let (local_port, remote_port) = match packet.transport {
            Transport::Tcp { local, remote, .. }
            | Transport::Udp { local, remote }
            | Transport::Sctp { local, remote, .. } => (local, remote),
            Transport::Icmp { identifier, .. } if packet.is_echo() => (identifier, identifier),
            Transport::Icmp { .. } | Transport::Other { .. } => (0, 0),
        };
        let protocol = packet.protocol();
        let asker = packet.is_echo().then(|| {
            let from_pod = (packet.direction == Direction::Egress) == packet.is_echo_request();
            if from_pod { Opener::Pod } else { Opener::Peer }
        });
        Self { local: packet.local, remote: packet.remote, local_port, remote_port, protocol, asker }
    }

    /// TCP and SCTP.
    pub(super) fn has_handshake(&self) -> bool {
        self.protocol == Protocol::Tcp.number() || self.protocol == Protocol::Sctp.number()
    }

    /// The destination port of a packet in this direction, where the protocol has ports.
    pub(super) fn destination_port(&self, direction: Direction) -> Option<u16> {
        let has_ports = Protocol::ALL.iter().any(|protocol| protocol.number() == self.protocol);
        has_ports.then_some(match direction {
            Direction::Ingress => self.local_port,
            Direction::Egress => self.remote_port,
        })
    }
}

/// "It records who opened it" (3.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Opener {
    /// The endpoint's pod.
    Pod,
    /// The remote side.
    Peer,
    /// It was seen in mid-stream where neither direction was isolated.
    Unknown,
}

impl Opener {
    /// Who sends in this direction.
    #[must_use]
    pub fn sender(direction: Direction) -> Self {
        match direction {
            Direction::Ingress => Self::Peer,
            Direction::Egress => Self::Pod,
        }
    }
}

/// What is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Who opened it.
    pub opener: Opener,
    /// It was allowed once and is not any more.
    pub denied: bool,
    /// How many changes of the cluster had been seen when it was judged.
    pub generation: u64,
}

/// The TCP flags that were seen of a flow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags {
    ingress: u8,
    egress: u8,
}

impl Flags {
    /// Notes those of a packet.
    pub(super) fn note(&mut self, packet: &Packet) {
        if let Transport::Tcp { flags, .. } = packet.transport {
            match packet.direction {
                Direction::Ingress => self.ingress |= flags.0,
                Direction::Egress => self.egress |= flags.0,
            }
        }
    }

    /// A RST ends a connection, and a FIN from both sides.
    #[must_use]
    pub fn have_ended(&self) -> bool {
        let (fin, rst) = (TcpFlags::FIN.0, TcpFlags::RST.0);
        (self.ingress | self.egress) & rst != 0 || self.ingress & self.egress & fin != 0
    }
}
