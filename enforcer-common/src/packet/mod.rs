//! Bytes → [`Header`]: what a verdict needs of a packet, and nothing else.
//!
//! The parser reads through [`Packet`], so that the kernel uses direct packet access and the host a
//! slice. Lengths are believed only where they agree with the packet's own.

mod ethernet;
mod fragment;
mod ipv4;
mod ipv6;
mod link;
mod quote;
mod seal;
mod transport;

pub use ethernet::{ETHERNET, ethernet};
pub use fragment::Part;
pub use ipv4::parse as parse_ipv4;
pub use ipv6::parse as parse_ipv6;
pub use link::{Link, arp_sender};
pub use quote::{Quote, quote_ipv4, quote_ipv6};
pub(crate) use transport::flag;

use crate::{Direction, Reason};

/// A packet's bytes, from the Ethernet header on.
pub trait Packet {
    /// Length in bytes, what is not linear included.
    fn length(&self) -> u32;
    /// `N` bytes at an offset; `None` past the end. At least two: the verifier takes no proof from a comparison
    /// that leaves one byte.
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;
    /// Brings the headers to where [`Packet::read`] finds them. Called once, and before it only the headers' usual
    /// place is read.
    fn gather(&self) {}
    /// The same word. The kernel's verifier must not know what it is: see [`Header::sealed`].
    fn opaque(&self, word: u64) -> u64 {
        word
    }
}

/// What is known of a packet beside its bytes.
pub trait Context {
    /// Interface index of the endpoint.
    fn interface(&self) -> u32;
    /// The way the packet travels.
    fn direction(&self) -> Direction;
    /// The low half of the jiffies.
    fn now(&self) -> u32;
    /// Nanoseconds since boot.
    fn time(&self) -> u64;
    /// Who sent it, as far as that can be proved. Asked only for packets towards the pod.
    fn origin(&self) -> Origin;
    /// Marks the packet as sent by the endpoint with this token. Done for packets from the pod.
    fn stamp(&self, token: u16);
}

/// A proof of who sent a packet (DESIGN: an address proves nothing).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A socket of the node's own network namespace.
    Node,
    /// The local pod with this token.
    Pod(u16),
    /// Unknown: from elsewhere.
    Elsewhere,
}

/// EtherTypes (IANA "IEEE 802 Numbers") that are told apart.
pub mod ether_type {
    /// IPv4
    pub const IPV4: u16 = 0x0800;
    /// ARP
    pub const ARP: u16 = 0x0806;
    /// IPv6
    pub const IPV6: u16 = 0x86dd;
    /// IEEE 802.1Q, a customer's VLAN tag
    pub const VLAN: u16 = 0x8100;
    /// IEEE 802.1ad, a provider's VLAN tag
    pub const PROVIDER_VLAN: u16 = 0x88a8;
}

/// IP protocol numbers (IANA) that are told apart.
pub mod protocol {
    /// RFC 792
    pub const ICMP: u8 = 1;
    /// RFC 3376
    pub const IGMP: u8 = 2;
    /// RFC 9293
    pub const TCP: u8 = 6;
    /// RFC 768
    pub const UDP: u8 = 17;
    /// The IPv6 fragment header (RFC 8200)
    pub const FRAGMENT: u8 = 44;
    /// RFC 4443
    pub const ICMPV6: u8 = 58;
    /// RFC 9260
    pub const SCTP: u8 = 132;
}

/// What a packet may do to the flow table when it has no entry there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Opening {
    /// It opens a flow, and says so: a TCP SYN, an SCTP INIT.
    Handshake,
    /// It opens a flow because its protocol has no handshake.
    Plain,
    /// It belongs to a flow that was opened before.
    MidStream,
    /// It never makes an entry: SYN+ACK, RST, flags that make no sense, echo replies.
    Never,
    /// It belongs to no flow: ICMP that is neither echo nor an error.
    Alone,
    /// An ICMP error: it belongs to the flow of the packet that it quotes.
    Error,
}

/// The headers of an IP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<A> {
    /// Source address.
    pub source: A,
    /// Destination address.
    pub destination: A,
    /// The upper-layer protocol, extension headers skipped.
    pub protocol: u8,
    /// Source port; an echo's identifier; else 0.
    pub source_port: u16,
    /// Destination port; an echo's identifier; else 0.
    pub destination_port: u16,
    /// TCP flags, FIN in the lowest bit; else 0.
    pub tcp_flags: u8,
    /// What it may do to the flow table.
    pub opening: Opening,
    /// Whether it is traffic of the link itself.
    pub link: Link,
    /// Why nothing past the addresses can be believed.
    pub fault: Option<Reason>,
    /// Which part of a packet it is. A later fragment has no upper-layer header.
    pub part: Part,
    /// The identification that the fragments of one packet share; 0 for a whole packet.
    pub identification: u32,
    /// Bytes from the start of the fragmentable part: in a first fragment to the end of the upper-layer header
    /// as far as it decides, in a later one to its beginning; else 0.
    pub reach: u32,
    /// Where the upper-layer header lies in the frame.
    pub upper: u32,
}

impl<A> Header<A> {
    /// A header of which only the addresses are known.
    #[inline(always)]
    const fn addressed(source: A, destination: A) -> Self {
        Self {
            source,
            destination,
            protocol: 0,
            source_port: 0,
            destination_port: 0,
            tcp_flags: 0,
            opening: Opening::Never,
            link: Link::No,
            fault: None,
            part: Part::Whole,
            identification: 0,
            reach: 0,
            upper: 0,
        }
    }
}

/// Bytes of the frame from `offset` on.
#[inline(always)]
fn remaining<P: Packet>(packet: &P, offset: usize) -> usize {
    (packet.length() as usize).saturating_sub(offset)
}
