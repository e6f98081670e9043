//! The description of a packet at an endpoint.

use std::{fmt, net::IpAddr};

use enforcer::model::Direction;

/// A packet that crosses an endpoint's interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Packet {
    /// Towards the pod or from it.
    pub direction: Direction,
    /// The pod's address.
    pub local: IpAddr,
    /// The other side's address, of the same family.
    pub remote: IpAddr,
    /// What it carries. Ports are given by side, not by source and destination.
    pub transport: Transport,
}

/// What an IP packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// A TCP segment.
    Tcp {
        /// The pod's port.
        local: u16,
        /// The other side's port.
        remote: u16,
        /// The flags byte.
        flags: TcpFlags,
    },
    /// A UDP datagram.
    Udp {
        /// The pod's port.
        local: u16,
        /// The other side's port.
        remote: u16,
    },
    /// An SCTP packet with one chunk.
    Sctp {
        /// The pod's port.
        local: u16,
        /// The other side's port.
        remote: u16,
        /// The chunk's type.
        chunk: SctpChunk,
    },
    /// `ICMP` or `ICMPv6`, by the family of the addresses.
    Icmp {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// The first two of the four bytes after the checksum; an echo's identifier.
        identifier: u16,
    },
    /// Another protocol with some bytes of payload.
    Other {
        /// IANA number.
        protocol: u8,
    },
}

/// The flags byte of a TCP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// FIN
    pub const FIN: Self = Self(0x01);
    /// SYN
    pub const SYN: Self = Self(0x02);
    /// RST
    pub const RST: Self = Self(0x04);
    /// PSH
    pub const PSH: Self = Self(0x08);
    /// ACK
    pub const ACK: Self = Self(0x10);
    /// URG
    pub const URG: Self = Self(0x20);
    /// ECE
    pub const ECE: Self = Self(0x40);
    /// CWR
    pub const CWR: Self = Self(0x80);
    /// SYN and ACK, the answer to a SYN.
    pub const SYN_ACK: Self = Self(0x12);
    /// FIN and ACK, the end of one side.
    pub const FIN_ACK: Self = Self(0x11);

    /// Whether all of these flags are set.
    #[must_use]
    pub fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }
}

impl std::ops::BitOr for TcpFlags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The type of an SCTP chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SctpChunk(pub u8);

impl SctpChunk {
    /// DATA
    pub const DATA: Self = Self(0);
    /// INIT
    pub const INIT: Self = Self(1);
    /// INIT ACK
    pub const INIT_ACK: Self = Self(2);
    /// SACK
    pub const SACK: Self = Self(3);
    /// HEARTBEAT
    pub const HEARTBEAT: Self = Self(4);
    /// HEARTBEAT ACK
    pub const HEARTBEAT_ACK: Self = Self(5);
    /// ABORT
    pub const ABORT: Self = Self(6);
    /// SHUTDOWN
    pub const SHUTDOWN: Self = Self(7);
    /// COOKIE ECHO
    pub const COOKIE_ECHO: Self = Self(10);
    /// COOKIE ACK
    pub const COOKIE_ACK: Self = Self(11);
}

impl Packet {
    /// Where it comes from.
    #[must_use]
    pub fn source(&self) -> IpAddr {
        match self.direction {
            Direction::Ingress => self.remote,
            Direction::Egress => self.local,
        }
    }

    /// Where it goes.
    #[must_use]
    pub fn destination(&self) -> IpAddr {
        match self.direction {
            Direction::Ingress => self.local,
            Direction::Egress => self.remote,
        }
    }

    /// IANA number of what it carries.
    #[must_use]
    pub fn protocol(&self) -> u8 {
        match self.transport {
            Transport::Tcp { .. } => 6,
            Transport::Udp { .. } => 17,
            Transport::Sctp { .. } => 132,
            Transport::Icmp { .. } if self.local.is_ipv4() => 1,
            Transport::Icmp { .. } => 58,
            Transport::Other { protocol } => protocol,
        }
    }

    /// Source and destination port, where it has ports.
    #[must_use]
    pub fn ports(&self) -> Option<(u16, u16)> {
        match self.transport {
            Transport::Tcp { local, remote, .. }
            | Transport::Udp { local, remote }
            | Transport::Sctp { local, remote, .. } => Some(match self.direction {
                Direction::Ingress => (remote, local),
                Direction::Egress => (local, remote),
            }),
            Transport::Icmp { .. } | Transport::Other { .. } => None,
        }
    }

    /// An echo request (ping).
    #[must_use]
    pub fn is_echo_request(&self) -> bool {
        let request = if self.local.is_ipv4() { 8 } else { 128 };
        matches!(self.transport, Transport::Icmp { kind, .. } if kind == request)
    }

    /// An echo request or its reply.
    #[must_use]
    pub fn is_echo(&self) -> bool {
        let reply = if self.local.is_ipv4() { 0 } else { 129 };
        self.is_echo_request() || matches!(self.transport, Transport::Icmp { kind, .. } if kind == reply)
    }

    /// What tells its flow from others between the same addresses: the pod's port and the other side's; an echo's
    /// identifier, twice; else 0.
    #[must_use]
    pub fn flow_ports(&self) -> (u16, u16) {
        match self.transport {
            Transport::Tcp { local, remote, .. }
            | Transport::Udp { local, remote }
            | Transport::Sctp { local, remote, .. } => (local, remote),
            Transport::Icmp { identifier, .. } if self.is_echo() => (identifier, identifier),
            Transport::Icmp { .. } | Transport::Other { .. } => (0, 0),
        }
    }

    /// The same, the other way round.
    #[must_use]
    pub fn reversed(self) -> Self {
        let direction = match self.direction {
            Direction::Ingress => Direction::Egress,
            Direction::Egress => Direction::Ingress,
        };
        Self { direction, ..self }
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {} {:?}", self.direction, self.source(), self.destination(), self.transport)
    }
}
