//! Bytes → [`Header`]: what a verdict needs of a packet, and nothing else.
//!
//! The parser reads through [`Packet`], so that the kernel uses direct packet access and the host a
//! slice. Lengths are believed only where they agree with the packet's own.

mod ipv4;
mod ipv6;
mod link;
mod transport;

pub use ipv4::parse as parse_ipv4;
pub use ipv6::parse as parse_ipv6;
pub use link::{Link, arp_sender};

use crate::{Direction, Reason};

/// A packet's bytes, from the Ethernet header on.
pub trait Packet {
    /// Length in bytes, what is not linear included.
    fn length(&self) -> u32;
    /// `N` bytes at an offset; `None` past the end. At least two: the verifier takes no proof from a comparison
    /// that leaves one byte.
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;
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

/// Bytes of an Ethernet header without a VLAN tag.
pub const ETHERNET: usize = 14;

/// EtherTypes (IANA "IEEE 802 Numbers") that are told apart.
pub mod ether_type {
    /// IPv4
    pub const IPV4: u16 = 0x0800;
    /// ARP
    pub const ARP: u16 = 0x0806;
    /// IPv6
    pub const IPV6: u16 = 0x86dd;
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
    /// RFC 4443
    pub const ICMPV6: u8 = 58;
    /// RFC 9260
    pub const SCTP: u8 = 132;
}

/// What a packet may do to the flow table when it has no entry there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// It opens a flow, and says so: a TCP SYN, an SCTP INIT.
    Handshake,
    /// It opens a flow because its protocol has no handshake.
    Plain,
    /// It belongs to a flow that was opened before.
    MidStream,
    /// It never makes an entry: SYN+ACK, RST, flags that make no sense, echo replies.
    Never,
    /// It belongs to no flow: ICMP other than echo.
    Alone,
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
        }
    }
}

/// Bytes of the link-layer header that a packet carries in front of a header at `offset`.
#[inline(always)]
fn remaining<P: Packet>(packet: &P, offset: usize) -> usize {
    (packet.length() as usize).saturating_sub(offset)
}
