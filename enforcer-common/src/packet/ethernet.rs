//! Ethernet II and its VLAN tags (IEEE 802.3, 802.1Q, 802.1ad).
//!
//! A tag says on which link a frame travels, not who talks to whom: what is behind it is judged as if it were
//! not there. Tags that the kernel has moved out of the bytes do not show at all, so this is one rule for both.

use super::{Packet, ether_type};

/// Bytes of an Ethernet header without a VLAN tag.
pub const ETHERNET: usize = 14;

/// The EtherType behind up to two VLAN tags, and where its header begins. A third tag is an EtherType like any
/// other that is not known; a frame that ends too early has EtherType 0.
#[inline(always)]
pub fn ethernet<P: Packet>(packet: &P) -> (u16, usize) {
    let mut start = ETHERNET;
    for _ in 0..2 {
        let kind = read_type(packet, start);
        if kind != ether_type::VLAN && kind != ether_type::PROVIDER_VLAN {
            return (kind, start);
        }
        start += 4;
    }
    (read_type(packet, start), start)
}

#[inline(always)]
fn read_type<P: Packet>(packet: &P, start: usize) -> u16 {
    packet.read::<2>(start - 2).map_or(0, u16::from_be_bytes)
}
