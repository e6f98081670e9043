//! Messages of the link: neighbour discovery (RFC 4861), MLD (RFC 3810, RFC 2710), IGMP (RFC 3376, RFC 2236).

use std::net::Ipv6Addr;

/// A message of the link's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// `ICMPv6` types 133–137.
    Discovery {
        /// Type.
        kind: u8,
        /// What solicitations, advertisements and redirects are about.
        target: Ipv6Addr,
    },
    /// `ICMPv6` types 130–132 and 143.
    Mld {
        /// Type.
        kind: u8,
    },
    /// IGMP.
    Igmp {
        /// Type.
        kind: u8,
    },
}

impl Link {
    /// From its type on, with room for the checksum.
    pub(super) fn bytes(self) -> Vec<u8> {
        match self {
            // Solicitation of routers: four reserved bytes.
            Self::Discovery { kind: 133, .. } => vec![133, 0, 0, 0, 0, 0, 0, 0],
            // Hop limit, flags, lifetime; reachable time and retransmission timer.
            Self::Discovery { kind: 134, .. } => vec![134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0],
            // A redirect has a second address: the destination.
            Self::Discovery { kind: 137, target } => {
                [&[137, 0, 0, 0, 0, 0, 0, 0][..], &target.octets(), &target.octets()].concat()
            }
            Self::Discovery { kind, target } => {
                // "Override" of an advertisement; reserved in a solicitation.
                let flags = if kind == 136 { 0x20 } else { 0 };
                [&[kind, 0, 0, 0, flags, 0, 0, 0][..], &target.octets()].concat()
            }
            // One record: to exclude nothing, no sources, the group ff02::fb.
            Self::Mld { kind: 143 } => [&[143, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0][..], &group()].concat(),
            Self::Mld { kind } => [&[kind, 0, 0, 0, 0, 0, 0, 0][..], &group()].concat(),
            // One record: to exclude nothing, no sources, the group 224.0.0.251.
            Self::Igmp { kind: 0x22 } => vec![0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 224, 0, 0, 251],
            Self::Igmp { kind } => vec![kind, 0, 0, 0, 224, 0, 0, 251],
        }
    }
}

fn group() -> [u8; 16] {
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb).octets()
}
