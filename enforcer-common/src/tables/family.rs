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

    /// What proves that a value is of an address: the address itself, or a fingerprint.
    fn proof(address: Self::Address) -> u32;

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

/// Set in the last word of a flow key when the remote side sends the echo requests.
pub const REMOTE_ASKS: u32 = 0x100;

/// IPv4.
#[derive(Debug, Clone, Copy)]
pub struct V4;

/// IPv6.
#[derive(Debug, Clone, Copy)]
pub struct V6;

/// Key of the IPv4 flow tables, 24 bytes.
///
/// All of it is whole words: a kernel program writes the key to its stack for each packet, and the kernel compares it
/// by words, which it could not read back at once if they had been written in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct FlowKey4 {
    ends: u64,
    addresses: u64,
    kind: u64,
}

/// Key of the IPv6 flow tables, 48 bytes. As [`FlowKey4`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct FlowKey6 {
    ends: u64,
    local: [u8; 16],
    remote: [u8; 16],
    kind: u64,
}

/// Interface index of the endpoint, so that two pods of one node never share an entry, then its port, then the other.
#[inline(always)]
const fn ends(endpoint: u32, ports: Ports) -> u64 {
    endpoint as u64 | (ports.local as u64) << 32 | (ports.remote as u64) << 48
}

/// The two words of an IPv6 address.
#[inline(always)]
const fn halves(address: [u8; 16]) -> [u64; 2] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = address;
    [u64::from_ne_bytes([a, b, c, d, e, f, g, h]), u64::from_ne_bytes([i, j, k, l, m, n, o, p])]
}

impl FlowKey4 {
    /// The key's bytes, as the kernel has them.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes.copy_from_slice([self.ends, self.addresses, self.kind].map(u64::to_ne_bytes).as_flattened());
        bytes
    }
}

impl FlowKey6 {
    /// The key's bytes, as the kernel has them.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 48] {
        let ([a, b], [c, d]) = (halves(self.local), halves(self.remote));
        let mut bytes = [0; 48];
        bytes.copy_from_slice([self.ends, a, b, c, d, self.kind].map(u64::to_ne_bytes).as_flattened());
        bytes
    }
}

/// The endpoint of a flow key and its kind: the first four bytes, and the first four of the last eight.
#[must_use]
pub fn endpoint_and_kind(key: &[u8]) -> Option<(u32, u32)> {
    let kind = key.last_chunk::<8>()?.first_chunk::<4>()?;
    Some((u32::from_ne_bytes(*key.first_chunk::<4>()?), u32::from_ne_bytes(*kind)))
}

const _: () = assert!(size_of::<FlowKey4>() == 24 && size_of::<FlowKey6>() == 48);

/// The upper half of a sum of words times odd constants: a multilinear hash (Thorup, "High speed hashing for integers and
/// strings", section 3), whose multiplications do not wait for one another.
#[inline(always)]
const fn fold<const N: usize>(words: [u64; N]) -> u32 {
    // Digits of π, made odd.
    const FACTORS: [u64; 6] = [
        0x243f_6a88_85a3_08d3,
        0x1319_8a2e_0370_7345,
        0xa409_3822_299f_31d1,
        0x082e_fa98_ec4e_6c89,
        0x4528_21e6_38d0_1377,
        0xbe54_66cf_34e9_0c6d,
    ];
    let mut sum = 0_u64;
    let mut at = 0;
    while at < N {
        #[expect(clippy::indexing_slicing, reason = "constant bounds: there are no more words than factors")]
        let product = words[at].wrapping_mul(FACTORS[at]);
        sum = sum.wrapping_add(product);
        at += 1;
    }
    (sum >> 32) as u32
}

impl Family for V4 {
    type Address = [u8; 4];
    type FlowKey = FlowKey4;
    const BITS: u32 = 32;

    #[inline(always)]
    fn flow_key(endpoint: u32, local: [u8; 4], remote: [u8; 4], ports: Ports, kind: u32) -> FlowKey4 {
        let addresses = u32::from_ne_bytes(local) as u64 | (u32::from_ne_bytes(remote) as u64) << 32;
        FlowKey4 { ends: ends(endpoint, ports), addresses, kind: kind as u64 }
    }

    #[inline(always)]
    fn fingerprint(key: &FlowKey4) -> u32 {
        fold([key.ends, key.addresses, key.kind])
    }

    #[inline(always)]
    fn proof(address: [u8; 4]) -> u32 {
        u32::from_ne_bytes(address)
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
        FlowKey6 { ends: ends(endpoint, ports), local, remote, kind: kind as u64 }
    }

    #[inline(always)]
    fn fingerprint(key: &FlowKey6) -> u32 {
        let ([a, b], [c, d]) = (halves(key.local), halves(key.remote));
        fold([key.ends, a, b, c, d, key.kind])
    }

    #[inline(always)]
    fn proof(address: [u8; 16]) -> u32 {
        fold(halves(address))
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
