//! A whole IP packet: its headers in order, what it carries, and what it says wrongly of itself.

use std::net::IpAddr;

use super::{Packet, Transport, checksum, extension::Extension, ip, link::Link, quote::IcmpError, transport};

/// An IP packet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Datagram {
    /// Addresses, direction, and what it carries unless [`Datagram::upper`] is something else.
    pub packet: Packet,
    /// Time to live, or hop limit.
    pub hop_limit: u8,
    /// Words of IPv4 options.
    pub options: u8,
    /// IPv6 extension headers, in order.
    pub extensions: Vec<Extension>,
    /// What it carries.
    pub upper: Upper,
    /// Bytes behind the least that it carries.
    pub payload: usize,
    /// What it says that is not so.
    pub lie: Option<Lie>,
}

/// What an IP packet carries.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Upper {
    /// The packet's transport.
    Transport,
    /// An ICMP error about another packet.
    Error(IcmpError),
    /// Neighbour discovery or a membership message.
    Link(Link),
}

/// A field with a value that it should not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lie {
    /// The IP version.
    Version(u8),
    /// Words of the IPv4 header, fewer than there can be.
    HeaderLength(u8),
    /// IPv4's total length or IPv6's payload length, so much more or less.
    Length(i16),
    /// Words of the TCP header. Not always a lie: payload may serve as options.
    DataOffset(u8),
    /// The length field of UDP.
    UdpLength(u16),
    /// The last extension header says that it is as long as can be.
    ExtensionLength,
}

impl Datagram {
    /// A packet as a host sends it.
    #[must_use]
    pub fn new(packet: Packet) -> Self {
        Self {
            packet,
            hop_limit: 64,
            options: 0,
            extensions: Vec::new(),
            upper: Upper::Transport,
            payload: 0,
            lie: None,
        }
    }

    /// The addresses' family.
    #[must_use]
    pub fn is_ipv4(&self) -> bool {
        self.packet.local.is_ipv4()
    }

    /// IANA number of what it carries.
    #[must_use]
    pub fn protocol(&self) -> u8 {
        match &self.upper {
            Upper::Transport => self.packet.protocol(),
            Upper::Link(Link::Igmp { .. }) => 2,
            Upper::Error(_) | Upper::Link(_) if self.is_ipv4() => 1,
            Upper::Error(_) | Upper::Link(_) => 58,
        }
    }

    /// What the packet carries is an ICMP error.
    #[must_use]
    pub fn with_error(mut self, error: IcmpError) -> Self {
        self.packet.transport = Transport::Icmp { kind: error.kind, code: error.code, identifier: 0 };
        self.upper = Upper::Error(error);
        self
    }

    /// What the packet carries is the link's own.
    #[must_use]
    pub fn with_link(mut self, link: Link) -> Self {
        self.packet.transport = match link {
            Link::Igmp { .. } => Transport::Other { protocol: 2 },
            Link::Discovery { kind, .. } | Link::Mld { kind } => {
                Transport::Icmp { kind, code: 0, identifier: 0 }
            }
        };
        self.upper = Upper::Link(link);
        self
    }

    /// The upper-layer header and what follows it.
    #[must_use]
    pub fn upper_bytes(&self) -> Vec<u8> {
        let mut bytes = match &self.upper {
            Upper::Transport => transport::build(&self.packet, self.payload),
            Upper::Error(error) => self.summed(error.bytes()),
            Upper::Link(link) => self.summed(link.bytes()),
        };
        match self.lie {
            Some(Lie::DataOffset(words)) if self.protocol() == 6 => set(&mut bytes, 12, &[words << 4]),
            Some(Lie::UdpLength(length)) if self.protocol() == 17 => {
                set(&mut bytes, 4, &length.to_be_bytes());
            }
            _ => {}
        }
        bytes
    }

    /// What IPv6 may cut up: extension headers, then the upper layer. Of IPv4 the upper layer alone.
    #[must_use]
    pub fn fragmentable(&self) -> Vec<u8> {
        let (_, mut bytes) = self.chain();
        bytes.extend(self.upper_bytes());
        bytes
    }

    /// The first next-header value, and the extension headers.
    #[must_use]
    pub fn chain(&self) -> (u8, Vec<u8>) {
        let lying = self.lie == Some(Lie::ExtensionLength);
        super::extension::chain(&self.extensions, self.protocol(), lying)
    }

    /// A message with its checksum in bytes 2 and 3.
    fn summed(&self, mut message: Vec<u8>) -> Vec<u8> {
        let pseudo = match self.packet.local {
            IpAddr::V6(_) => ip::pseudo_header(&self.packet, message.len()),
            IpAddr::V4(_) => Vec::new(),
        };
        let sum = checksum::internet(&[&pseudo[..], &message].concat());
        set(&mut message, 2, &sum);
        message
    }
}

/// From the IP header on.
pub(super) fn bytes(datagram: &Datagram) -> Vec<u8> {
    if datagram.is_ipv4() {
        ip::v4(datagram, 0, 0x4000, &datagram.upper_bytes())
    } else {
        let (first, mut payload) = datagram.chain();
        payload.extend(datagram.upper_bytes());
        ip::v6(datagram, first, &payload)
    }
}

/// Overwrites bytes at an offset, those that are there.
pub(super) fn set(bytes: &mut [u8], offset: usize, value: &[u8]) {
    for (to, from) in bytes.iter_mut().skip(offset).zip(value) {
        *to = *from;
    }
}
