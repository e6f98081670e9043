//! Traffic of the link itself: neighbour discovery, membership reports, ARP. It belongs to no flow and is
//! no policy's business, but a pod may only speak for itself in it.

use super::{Packet, Part};

/// What kind of link traffic a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Link {
    /// None.
    No,
    /// Router solicitation (RFC 4861): from hosts.
    RouterSolicitation,
    /// Router advertisement or redirect (RFC 4861) of a router on the link.
    Router,
    /// What routers send, but not as routers of this link: it has been forwarded or cut into fragments
    /// (RFC 6980), or is IPv4's redirect or router advertisement (RFC 792, RFC 1256). Also what hides whether it is that: it
    /// has neighbour discovery's hop limit and cannot be parsed (RFC 7113).
    FarRouter,
    /// Neighbour solicitation (RFC 4861); its target stands 8 bytes into the upper-layer header.
    NeighbourSolicitation,
    /// Neighbour advertisement (RFC 4861); its target stands 8 bytes into the upper-layer header.
    NeighbourAdvertisement,
    /// Membership report or leave (RFC 3376, RFC 9777): from hosts.
    Membership,
    /// Membership query (RFC 3376, RFC 9777) of a router on the link.
    MembershipQuery,
}

/// Hop limit of neighbour discovery (RFC 4861): it proves that no router forwarded the packet.
pub(super) const ON_LINK: u8 = 255;

#[inline(always)]
pub(super) fn icmpv6<P: Packet>(packet: &P, offset: usize, hop_limit: u8, part: Part) -> Link {
    let Some([kind, _]) = packet.read::<2>(offset) else { return Link::No };
    if part != Part::Whole {
        return match kind {
            130 | 134 | 137 => Link::FarRouter,
            _ => Link::No,
        };
    }
    match (kind, hop_limit) {
        (133, ON_LINK) => Link::RouterSolicitation,
        (134 | 137, ON_LINK) => Link::Router,
        (134 | 137, _) => Link::FarRouter,
        (135, ON_LINK) => Link::NeighbourSolicitation,
        (136, ON_LINK) => Link::NeighbourAdvertisement,
        (131 | 132 | 143, 1) => Link::Membership,
        (130, 1) => Link::MembershipQuery,
        (130, _) => Link::FarRouter,
        _ => Link::No,
    }
}

#[inline(always)]
pub(super) fn icmp<P: Packet>(packet: &P, offset: usize) -> Link {
    match packet.read::<2>(offset) {
        Some([5 | 9, _]) => Link::FarRouter,
        Some(_) | None => Link::No,
    }
}

/// Reports and leaves go from hosts to routers of the link, queries the other way (RFC 3376).
#[inline(always)]
pub(super) const fn igmp(kind: u8, is_near: bool) -> Link {
    match kind {
        0x11 if is_near => Link::MembershipQuery,
        0x11 => Link::FarRouter,
        0x12 | 0x16 | 0x17 | 0x22 if is_near => Link::Membership,
        _ => Link::No,
    }
}

/// The sender's protocol address of an ARP packet for IPv4 over Ethernet (RFC 826) that begins at `start`.
#[inline(always)]
pub fn arp_sender<P: Packet>(packet: &P, start: usize) -> Option<[u8; 4]> {
    match packet.read::<18>(start)? {
        // Hosts take IEEE 802's hardware type for Ethernet's.
        [0, 1 | 6, 8, 0, 6, 4, _, _, _, _, _, _, _, _, a, b, c, d] => Some([a, b, c, d]),
        _ => None,
    }
}
