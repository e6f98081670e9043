//! Link traffic and sources (DESIGN 3.5): a pod speaks only for itself, and a router may speak to it.

use super::{Outcome, unparsed};
use crate::{
    Direction, Reason,
    packet::{Context, Header, Link, Packet, arp_sender, protocol},
    tables::{Endpoint, Family, FamilyTables, Tables, V4},
};

/// ARP passes; a pod may only claim its own address, or none (a probe, RFC 5227).
#[inline(always)]
pub(super) fn arp<P: Packet + Context, T: Tables + FamilyTables<V4>>(
    packet: &P,
    tables: &T,
    start: usize,
) -> Outcome {
    if packet.direction() == Direction::Ingress {
        return Outcome::PASS;
    }
    match arp_sender(packet, start) {
        None => unparsed(packet, tables, Reason::Malformed),
        Some([0, 0, 0, 0]) => Outcome::PASS,
        Some(sender) if tables.is_own(packet.interface(), sender) => Outcome::PASS,
        Some(_) if tables.endpoint(packet.interface()).unwrap_or_default().any_source => Outcome::PASS,
        Some(_) => Outcome::of(Reason::Spoofed),
    }
}

/// What the link's own traffic may do: `Some` decides, `None` leaves the packet to the rules.
#[inline(always)]
pub(super) fn link<F: Family, P: Packet + Context, T: Tables + FamilyTables<F>>(
    packet: &P,
    tables: &T,
    endpoint: Endpoint,
    header: &Header<F::Address>,
) -> Option<Outcome> {
    let direction = packet.direction();
    if direction == Direction::Ingress {
        return match header.link {
            Link::Router
            | Link::NeighbourSolicitation
            | Link::NeighbourAdvertisement
            | Link::MembershipQuery => Some(Outcome::PASS),
            Link::No | Link::RouterSolicitation | Link::Membership | Link::FarRouter => None,
        };
    }
    let destination = F::widen(header.destination);
    let stays = if F::BITS == 32 { destination[0] >> 4 == 0xe } else { stays_on_link(destination) };
    let is_host = || speaks_as_host::<F, T>(tables, packet.interface(), endpoint, header);
    let speaks_for_itself = match header.link {
        Link::No => return None,
        Link::Router | Link::FarRouter | Link::MembershipQuery => false,
        Link::NeighbourAdvertisement | Link::NeighbourSolicitation => {
            // To an address that is not of the link: an answer to a neighbour who asked from it, or the question
            // whether it is still there. Neither has room for more than it says.
            let is_short = packet.length() <= SHORT;
            match target(packet, header) {
                None => false,
                Some(target) if header.link == Link::NeighbourAdvertisement => {
                    if !stays && !is_short {
                        return None;
                    }
                    let is_own_word = endpoint.any_source
                        || is_link_local(target)
                        || tables.is_own(packet.interface(), F::narrow(target));
                    is_own_word && is_host()
                }
                Some(target) => {
                    if !stays && (target != destination || !is_short) {
                        return None;
                    }
                    is_host()
                }
            }
        }
        // A solicitation of somebody who is far away asks no neighbour; a report goes to routers.
        Link::RouterSolicitation | Link::Membership if !stays => return None,
        Link::RouterSolicitation | Link::Membership => is_host(),
    };
    Some(if speaks_for_itself { Outcome::PASS } else { Outcome::of(Reason::Spoofed) })
}

/// Bytes of a neighbour solicitation or advertisement with two VLAN tags, a link-layer address (RFC 4861) and a nonce
/// (RFC 7527).
const SHORT: u32 = 14 + 8 + 40 + 24 + 8 + 8;

/// The target of a neighbour solicitation or advertisement (RFC 4861, sections 4.3 and 4.4).
#[inline(always)]
fn target<P: Packet, A>(packet: &P, header: &Header<A>) -> Option<[u8; 16]> {
    packet.read::<16>(header.upper as usize + 8)
}

/// From no address, as before one is known to be unique; from a link-local one; from its own.
#[inline(always)]
fn speaks_as_host<F: Family, T: FamilyTables<F>>(
    tables: &T,
    interface: u32,
    endpoint: Endpoint,
    header: &Header<F::Address>,
) -> bool {
    let source = F::widen(header.source);
    endpoint.any_source
        || is_unspecified(source)
        || (F::BITS == 128 && is_link_local(source))
        || tables.is_own(interface, header.source)
}

/// Whether a packet has the ports of a lease: from the pod's client to a server, or back (RFC 2131; RFC 9915).
#[inline(always)]
pub(super) fn has_lease_ports<F: Family>(header: &Header<F::Address>, direction: Direction) -> bool {
    let (client, server) = if F::BITS == 32 { (68, 67) } else { (546, 547) };
    let ports = match direction {
        Direction::Ingress => (server, client),
        Direction::Egress => (client, server),
    };
    header.protocol == protocol::UDP && (header.source_port, header.destination_port) == ports
}

/// Whether the sender of such a packet may send it: the pod's client speaks from its own address or from none.
#[inline(always)]
pub(super) fn speaks_for_lease<F: Family, P: Packet + Context, T: Tables + FamilyTables<F>>(
    packet: &P,
    tables: &T,
    endpoint: Endpoint,
    header: &Header<F::Address>,
) -> bool {
    if packet.direction() == Direction::Ingress {
        return true;
    }
    let source = F::widen(header.source);
    let has_none = if F::BITS == 32 { is_unspecified(source) } else { is_link_local(source) };
    has_none || endpoint.any_source || tables.is_own(packet.interface(), header.source)
}

/// fe80::/10 (RFC 4291).
#[inline(always)]
const fn is_link_local(address: [u8; 16]) -> bool {
    address[0] == 0xfe && address[1] & 0xc0 == 0x80
}

/// Whether a packet to this IPv6 address is for neighbours: multicast, or link-local.
#[inline(always)]
const fn stays_on_link(address: [u8; 16]) -> bool {
    address[0] == 0xff || is_link_local(address)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::V6;

    #[test]
    fn groups_are_multicast_and_the_limited_broadcast() {
        for (address, expected) in [
            ([223, 255, 255, 255], false),
            ([224, 0, 0, 0], true),
            ([239, 255, 255, 255], true),
            ([240, 0, 0, 0], false),
            ([255, 255, 255, 254], false),
            ([255, 255, 255, 255], true),
        ] {
            assert_eq!(is_group::<V4>(address), expected, "{address:?}");
        }
        assert!(is_group::<V6>([0xff; 16]) && !is_group::<V6>([0xfe; 16]));
    }
}
