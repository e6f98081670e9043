//! What is remembered of a flow, and by what it is found.

use std::net::IpAddr;

use enforcer::model::{Direction, Protocol};

use crate::frame::{Packet, Sender, TcpFlags, Transport};

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
        let (local_port, remote_port) = packet.flow_ports();
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

/// "why it was allowed (rules, node origin, self)" (3.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ground {
    /// The rules, or the lack of any.
    Rules,
    /// The node itself sent it.
    Node,
    /// The pod itself did.
    Own,
}

impl Ground {
    /// What its sender entitles a packet to. "Node origin" and "self" are proved of packets *towards* the pod
    /// (3.3, 3.4); what comes from the pod is the pod's.
    #[must_use]
    pub fn of(direction: Direction, sender: Sender) -> Self {
        match (direction, sender) {
            (Direction::Ingress, Sender::Node) => Self::Node,
            (Direction::Ingress, Sender::Own) => Self::Own,
            (Direction::Ingress, Sender::Elsewhere | Sender::OtherPod) | (Direction::Egress, _) => {
                Self::Rules
            }
        }
    }
}

/// What is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Who opened it.
    pub opener: Opener,
    /// Why it was allowed.
    pub ground: Ground,
    /// TCP flags seen towards the pod and from it, or-ed.
    pub flags: [TcpFlags; 2],
    /// It was allowed once and is not any more.
    pub denied: bool,
    /// How many changes of the cluster had been seen when it was judged.
    pub generation: u64,
}

impl Entry {
    /// Whether the connection is over: "tuple re-use, half-close, RST". A SYN is then the start of another one,
    /// whoever opened this one.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.flags.iter().any(|flags| flags.contains(TcpFlags::RST))
            || self.flags.iter().all(|flags| flags.contains(TcpFlags::FIN))
    }

    /// Notes the flags of a packet.
    pub(super) fn note(&mut self, packet: &Packet) {
        let Transport::Tcp { flags, .. } = packet.transport else { return };
        let [towards, from] = &mut self.flags;
        match packet.direction {
            Direction::Ingress => *towards = *towards | flags,
            Direction::Egress => *from = *from | flags,
        }
    }
}
