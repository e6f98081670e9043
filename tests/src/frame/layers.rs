//! The description of a frame: what an Ethernet segment carries, down to its tags and its lies.
//!
//! A [`Packet`](super::Packet) is what two hosts mean to say to each other; a [`Frame`] is also how it is wrapped,
//! cut up, truncated and quoted. It is data, so that the oracle can judge it without reading bytes.

use std::net::Ipv4Addr;

use enforcer::model::Direction;

use super::{Datagram, Fragment, LOCAL_MAC, REMOTE_MAC, datagram};

/// An Ethernet frame.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Frame {
    /// Towards the pod or from it.
    pub direction: Direction,
    /// VLAN tags, the outermost first.
    pub tags: Vec<Tag>,
    /// What is behind the tags.
    pub content: Content,
    /// Only so many bytes of the content are there, its length fields unchanged.
    pub cut: Option<usize>,
    /// Bytes behind the content that are not its own.
    pub padding: usize,
}

/// A VLAN tag in the frame's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tag {
    /// 802.1Q
    Customer,
    /// 802.1ad
    Service,
}

/// What a frame carries.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    /// A whole IP packet.
    Whole(Datagram),
    /// A part of one.
    Fragment(Fragment),
    /// An ARP packet.
    Arp(Arp),
    /// Some bytes under another `EtherType`.
    Other(u16),
}

/// An ARP packet (RFC 826).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arp {
    /// The sender's protocol address; unspecified in a probe (RFC 5227).
    pub sender: Ipv4Addr,
    /// The address that is asked for, or answered to.
    pub target: Ipv4Addr,
    /// A reply, not a request.
    pub reply: bool,
    /// It says that it is for Ethernet and IPv4, and is.
    pub well_formed: bool,
}

/// Who sends a frame, by the proof that the program sees (DESIGN: an address proves nothing).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sender {
    /// No proof.
    Elsewhere,
    /// A socket of the node.
    Node,
    /// The endpoint's own pod.
    Own,
    /// Another pod of this node.
    OtherPod,
}

impl Tag {
    /// IEEE 802.1Q, table 9-1.
    #[must_use]
    pub const fn ether_type(self) -> u16 {
        match self {
            Self::Customer => 0x8100,
            Self::Service => 0x88a8,
        }
    }
}

impl Content {
    /// The `EtherType` that announces it.
    #[must_use]
    pub fn ether_type(&self) -> u16 {
        match self {
            Self::Whole(datagram) | Self::Fragment(Fragment { whole: datagram, .. }) => {
                if datagram.is_ipv4() { 0x0800 } else { 0x86dd }
            }
            Self::Arp(_) => 0x0806,
            Self::Other(ether_type) => *ether_type,
        }
    }

    /// From the network layer's header on.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Whole(datagram) => datagram::bytes(datagram),
            Self::Fragment(fragment) => fragment.bytes(),
            Self::Arp(arp) => arp.bytes(),
            Self::Other(_) => vec![0xab; 46],
        }
    }
}

impl Frame {
    /// A frame of nothing but its content.
    #[must_use]
    pub fn plain(direction: Direction, content: Content) -> Self {
        Self { direction, tags: Vec::new(), content, cut: None, padding: 0 }
    }

    /// A whole packet.
    #[must_use]
    pub fn whole(datagram: Datagram) -> Self {
        Self::plain(datagram.packet.direction, Content::Whole(datagram))
    }

    /// A part of a packet.
    #[must_use]
    pub fn fragment(fragment: Fragment) -> Self {
        Self::plain(fragment.whole.packet.direction, Content::Fragment(fragment))
    }

    /// Its bytes, without frame check sequence.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let (destination, source) = match self.direction {
            Direction::Ingress => (LOCAL_MAC, REMOTE_MAC),
            Direction::Egress => (REMOTE_MAC, LOCAL_MAC),
        };
        let mut bytes = [destination, source].concat();
        for tag in &self.tags {
            bytes.extend(tag.ether_type().to_be_bytes());
            // Priority 0, VLAN 42.
            bytes.extend([0, 42]);
        }
        bytes.extend(self.content.ether_type().to_be_bytes());
        let mut content = self.content.bytes();
        content.truncate(self.cut.unwrap_or(usize::MAX));
        bytes.extend(content);
        bytes.resize(bytes.len() + self.padding, 0);
        bytes
    }

    /// How many bytes of its content are there, padding included, and how many there should be.
    #[must_use]
    pub fn there(&self) -> (usize, usize) {
        let whole = self.content.bytes().len();
        (whole.min(self.cut.unwrap_or(usize::MAX)) + self.padding, whole)
    }
}

impl Arp {
    fn bytes(self) -> Vec<u8> {
        // Hardware type, protocol type, their lengths, operation.
        let protocol = if self.well_formed { [0x08, 0x00] } else { [0x86, 0xdd] };
        let fixed = [0, 1, protocol[0], protocol[1], 6, 4, 0, 1 + u8::from(self.reply)];
        [&fixed[..], &LOCAL_MAC, &self.sender.octets(), &[0; 6], &self.target.octets()].concat()
    }
}
