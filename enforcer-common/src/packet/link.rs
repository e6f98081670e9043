//! Traffic of the link itself: neighbour discovery, membership reports, ARP. It belongs to no flow and is
//! no policy's business, but a pod may only speak for itself in it.

use super::{ETHERNET, Packet};

/// What kind of link traffic a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// None.
    No,
    /// Router solicitation (RFC 4861): from hosts.
    RouterSolicitation,
    /// Router advertisement or redirect (RFC 4861) of a router on the link.
    Router,
    /// What looks like one, but has been forwarded.
    FarRouter,
    /// Neighbour solicitation (RFC 4861).
    NeighbourSolicitation,
    /// Neighbour advertisement (RFC 4861) for this address.
    NeighbourAdvertisement([u8; 16]),
    /// Membership report or leave (RFC 3376, RFC 9777): from hosts.
    Membership,
    /// Membership query (RFC 3376, RFC 9777): from routers.
    MembershipQuery,
}

/// Hop limit of neighbour discovery (RFC 4861): it proves that no router forwarded the packet.
const ON_LINK: u8 = 255;

#[inline(always)]
pub(super) fn icmpv6<P: Packet>(packet: &P, offset: usize, hop_limit: u8) -> Link {
    let Some([kind, _]) = packet.read::<2>(offset) else { return Link::No };
    match (kind, hop_limit) {
        (133, ON_LINK) => Link::RouterSolicitation,
        (134 | 137, ON_LINK) => Link::Router,
        (134 | 137, _) => Link::FarRouter,
        (135, ON_LINK) => Link::NeighbourSolicitation,
        (136, ON_LINK) => match packet.read::<16>(offset + 8) {
            Some(target) => Link::NeighbourAdvertisement(target),
            None => Link::No,
        },
        (131 | 132 | 143, 1) => Link::Membership,
        (130, _) => Link::MembershipQuery,
        _ => Link::No,
    }
}

#[inline(always)]
pub(super) const fn igmp(kind: u8) -> Link {
    match kind {
        0x11 => Link::MembershipQuery,
        0x12 | 0x16 | 0x17 | 0x22 => Link::Membership,
        _ => Link::No,
    }
}

/// The sender's protocol address of an ARP packet for IPv4 over Ethernet (RFC 826).
#[inline(always)]
pub fn arp_sender<P: Packet>(packet: &P) -> Option<[u8; 4]> {
    match packet.read::<18>(ETHERNET)? {
        [0, 1, 8, 0, 6, 4, _, _, _, _, _, _, _, _, a, b, c, d] => Some([a, b, c, d]),
        _ => None,
    }
}
