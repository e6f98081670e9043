//! Address families: their addresses and flow keys.

use crate::packet::{Packet, Quote, quote_ipv4, quote_ipv6};

/// An address family: its addresses and its flow keys. Each has tables of its own, because short keys
/// are cheaper to hash.
pub trait Family {
    /// An address in network byte order.
    type Address: Copy + Eq;
    /// The key of the flow tables.
    type FlowKey: Copy;
    /// Bits of an address.
    const BITS: u32;

    /// Builds a flow key.
    fn flow_key(
        endpoint: u32,
        local: Self::Address,
        remote: Self::Address,
        ports: Ports,
        kind: u32,
    ) -> Self::FlowKey;

    /// A fingerprint of a flow key: equal keys have equal ones.
    fn fingerprint(key: &Self::FlowKey) -> u32;

    /// The address as 16 bytes, IPv4 in the first four.
    fn widen(address: Self::Address) -> [u8; 16];

    /// The address in the first bytes of these 16.
    fn narrow(bytes: [u8; 16]) -> Self::Address;

    /// The packet that is quoted at an offset.
    fn quote<P: Packet>(packet: &P, offset: usize) -> Option<Quote<Self::Address>>;
}

/// Both ports of a flow, seen from the endpoint. Protocols without ports have zeros; ICMP echo has its
/// identifier in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ports {
    /// The endpoint's side.
    pub local: u16,
    /// The other side.
    pub remote: u16,
}

/// IPv4.
#[derive(Debug, Clone, Copy)]
pub struct V4;

/// IPv6.
#[derive(Debug, Clone, Copy)]
pub struct V6;

/// Key of the IPv4 flow tables, 20 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct FlowKey4 {
    /// Interface index of the endpoint, so that two pods of one node never share an entry.
    pub endpoint: u32,
    /// The endpoint's address.
    pub local: [u8; 4],
    /// The other address.
    pub remote: [u8; 4],
    /// The endpoint's port.
    pub local_port: u16,
    /// The other port.
    pub remote_port: u16,
    /// IP protocol number in the low byte; above it, for an echo, who asks. A whole word, so that no padding
    /// byte is left undefined.
    pub kind: u32,
}

/// Key of the IPv6 flow tables, 44 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct FlowKey6 {
    /// As in [`FlowKey4`].
    pub endpoint: u32,
    /// The endpoint's address.
    pub local: [u8; 16],
    /// The other address.
    pub remote: [u8; 16],
    /// The endpoint's port.
    pub local_port: u16,
    /// The other port.
    pub remote_port: u16,
    /// As in [`FlowKey4`].
    pub kind: u32,
}

const _: () = assert!(size_of::<FlowKey4>() == 20 && size_of::<FlowKey6>() == 44);

/// One step of the fingerprint: multiply and fold, as FNV-1a does by bytes.
const fn mix(hash: u32, word: u32) -> u32 {
    (hash ^ word).wrapping_mul(0x0100_0193).rotate_left(13)
}

const fn word(bytes: [u8; 16], at: usize) -> u32 {
    match at {
        0 => u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
        1 => u32::from_ne_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
        2 => u32::from_ne_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]),
        _ => u32::from_ne_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]),
    }
}

impl Family for V4 {
    type Address = [u8; 4];
    type FlowKey = FlowKey4;
    const BITS: u32 = 32;

    #[inline(always)]
    fn flow_key(endpoint: u32, local: [u8; 4], remote: [u8; 4], ports: Ports, kind: u32) -> FlowKey4 {
        FlowKey4 { endpoint, local, remote, local_port: ports.local, remote_port: ports.remote, kind }
    }

    #[inline(always)]
    fn fingerprint(key: &FlowKey4) -> u32 {
        let ports = (key.local_port as u32) << 16 | key.remote_port as u32;
        let hash = mix(key.endpoint ^ key.kind << 24, u32::from_ne_bytes(key.local));
        mix(mix(hash, u32::from_ne_bytes(key.remote)), ports)
    }

    #[inline(always)]
    fn widen(address: [u8; 4]) -> [u8; 16] {
        let [a, b, c, d] = address;
        [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    }

    #[inline(always)]
    fn narrow(bytes: [u8; 16]) -> [u8; 4] {
        let [a, b, c, d, ..] = bytes;
        [a, b, c, d]
    }

    #[inline(always)]
    fn quote<P: Packet>(packet: &P, offset: usize) -> Option<Quote<[u8; 4]>> {
        quote_ipv4(packet, offset)
    }
}

impl Family for V6 {
    type Address = [u8; 16];
    type FlowKey = FlowKey6;
    const BITS: u32 = 128;

    #[inline(always)]
    fn flow_key(endpoint: u32, local: [u8; 16], remote: [u8; 16], ports: Ports, kind: u32) -> FlowKey6 {
        FlowKey6 { endpoint, local, remote, local_port: ports.local, remote_port: ports.remote, kind }
    }

    #[inline(always)]
    fn fingerprint(key: &FlowKey6) -> u32 {
        let mut hash = key.endpoint ^ key.kind << 24;
        let mut at = 0;
        while at < 4 {
            hash = mix(mix(hash, word(key.local, at)), word(key.remote, at));
            at += 1;
        }
        mix(hash, (key.local_port as u32) << 16 | key.remote_port as u32)
    }

    #[inline(always)]
    fn widen(address: [u8; 16]) -> [u8; 16] {
        address
    }

    #[inline(always)]
    fn narrow(bytes: [u8; 16]) -> [u8; 16] {
        bytes
    }

    #[inline(always)]
    fn quote<P: Packet>(packet: &P, offset: usize) -> Option<Quote<[u8; 16]>> {
        quote_ipv6(packet, offset)
    }
}
