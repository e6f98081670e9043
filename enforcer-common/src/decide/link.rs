//! Link traffic and sources (DESIGN 3.5): a pod speaks only for itself, and a router may speak to it.

use super::{Outcome, unparsed};
use crate::{
    Direction, Reason,
    packet::{Context, Header, Link, Packet, arp_sender},
    tables::{Family, FamilyTables, Tables, V4},
};

/// ARP passes; a pod may only claim its own address, or none (a probe, RFC 5227).
#[inline(always)]
pub(super) fn arp<P: Packet + Context, T: Tables + FamilyTables<V4>>(packet: &P, tables: &T) -> Outcome {
    if packet.direction() == Direction::Ingress {
        return Outcome::PASS;
    }
    match arp_sender(packet) {
        None => unparsed(packet, tables, Reason::Malformed),
        Some([0, 0, 0, 0]) => Outcome::PASS,
        Some(sender) if tables.is_own(packet.interface(), sender) => Outcome::PASS,
        Some(_) => Outcome::of(Reason::Spoofed),
    }
}

/// What the link's own traffic may do: `Some` decides, `None` leaves the packet to the rules.
#[inline(always)]
pub(super) fn link<F: Family, T: Tables + FamilyTables<F>>(
    tables: &T,
    interface: u32,
    direction: Direction,
    header: &Header<F::Address>,
) -> Option<Outcome> {
    let source = F::widen(header.source);
    match (direction, header.link) {
        (_, Link::No) | (Direction::Ingress, Link::RouterSolicitation | Link::Membership) => None,
        (Direction::Ingress, Link::MembershipQuery | Link::FarRouter) => None,
        (
            Direction::Ingress,
            Link::Router | Link::NeighbourSolicitation | Link::NeighbourAdvertisement(_),
        ) => Some(Outcome::PASS),
        (Direction::Egress, Link::Router | Link::FarRouter | Link::MembershipQuery) => {
            Some(Outcome::of(Reason::Spoofed))
        }
        (Direction::Egress, Link::NeighbourAdvertisement(target)) => {
            let speaks_for_itself = is_link_local(target) || tables.is_own(interface, F::narrow(target));
            Some(own_word(speaks_for_itself))
        }
        (Direction::Egress, Link::RouterSolicitation | Link::NeighbourSolicitation | Link::Membership) => {
            let speaks_for_itself = is_unspecified(source)
                || (F::BITS == 128 && is_link_local(source))
                || tables.is_own(interface, header.source);
            Some(own_word(speaks_for_itself))
        }
    }
}

#[inline(always)]
const fn own_word(own: bool) -> Outcome {
    if own { Outcome::PASS } else { Outcome::of(Reason::Spoofed) }
}

/// fe80::/10 (RFC 4291).
#[inline(always)]
const fn is_link_local(address: [u8; 16]) -> bool {
    address[0] == 0xfe && address[1] & 0xc0 == 0x80
}

#[inline(always)]
fn is_unspecified(address: [u8; 16]) -> bool {
    u128::from_ne_bytes(address) == 0
}

/// Multicast, and IPv4's limited broadcast: destinations that are nobody's own.
#[inline(always)]
pub(super) fn is_group<F: Family>(address: F::Address) -> bool {
    let [first, ..] = F::widen(address);
    if F::BITS == 32 {
        first & 0xf0 == 0xe0 || F::widen(address) == F::widen(F::narrow([0xff; 16]))
    } else {
        first == 0xff
    }
}
