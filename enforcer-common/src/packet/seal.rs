//! What was parsed, without the way that led there.
//!
//! The verifier follows each path through the parser with all that it learnt on it, and would follow each through the
//! rest of the verdict too: extension headers times protocols times rules. Between the two stands
//! [`Packet::opaque`], behind which a number is any number to it, and all paths are one.

use super::{Header, Link, Opening, Packet, Part};
use crate::Reason;

impl<A: Copy> Header<A> {
    /// The same header.
    #[must_use]
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "each field is cut out of its word by its width")]
    pub fn sealed<P: Packet>(self, packet: &P) -> Self {
        let facts = packet.opaque(self.facts());
        let places = packet.opaque(self.places());
        Self {
            source: self.source,
            destination: self.destination,
            protocol: (facts >> 32) as u8,
            source_port: facts as u16,
            destination_port: (facts >> 16) as u16,
            tcp_flags: (facts >> 40) as u8,
            opening: opening((facts >> 48) as u8 & 7),
            link: link((facts >> 51) as u8 & 7),
            fault: fault((facts >> 56) as u8 & 0xf),
            part: part((facts >> 54) as u8 & 3),
            identification: places as u32,
            reach: (places >> 32) as u32 & 0xffff,
            // The mask is what the verifier sees that reads stay within a packet's 64 KiB.
            upper: (places >> 48) as u32 & 0x3fff,
        }
    }

    #[inline(always)]
    fn facts(&self) -> u64 {
        let fault = match self.fault {
            None => 0,
            Some(reason) => reason as u64,
        };
        self.source_port as u64
            | (self.destination_port as u64) << 16
            | (self.protocol as u64) << 32
            | (self.tcp_flags as u64) << 40
            | (self.opening as u64) << 48
            | (self.link as u64) << 51
            | (self.part as u64) << 54
            | fault << 56
    }

    /// Offsets fit 16 bits: the longest headers that are walked end before 16 KiB.
    #[inline(always)]
    fn places(&self) -> u64 {
        self.identification as u64 | (self.reach as u64 & 0xffff) << 32 | (self.upper as u64) << 48
    }
}

#[inline(always)]
const fn opening(number: u8) -> Opening {
    match number {
        0 => Opening::Handshake,
        1 => Opening::Plain,
        2 => Opening::MidStream,
        3 => Opening::Never,
        4 => Opening::Alone,
        _ => Opening::Error,
    }
}

#[inline(always)]
const fn link(number: u8) -> Link {
    match number {
        0 => Link::No,
        1 => Link::RouterSolicitation,
        2 => Link::Router,
        3 => Link::FarRouter,
        4 => Link::NeighbourSolicitation,
        5 => Link::NeighbourAdvertisement,
        6 => Link::Membership,
        _ => Link::MembershipQuery,
    }
}

#[inline(always)]
const fn part(number: u8) -> Part {
    match number {
        0 => Part::Whole,
        1 => Part::First,
        _ => Part::Later,
    }
}

/// The faults that a parser finds.
#[inline(always)]
const fn fault(number: u8) -> Option<Reason> {
    match number {
        0 => None,
        5 => Some(Reason::Fragment),
        6 => Some(Reason::ExtensionHeader),
        _ => Some(Reason::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl Packet for Nothing {
        fn length(&self) -> u32 {
            0
        }

        fn read<const N: usize>(&self, _offset: usize) -> Option<[u8; N]> {
            None
        }
    }

    #[test]
    fn sealing_changes_nothing() {
        let openings = [
            Opening::Handshake,
            Opening::Plain,
            Opening::MidStream,
            Opening::Never,
            Opening::Alone,
            Opening::Error,
        ];
        let links = [
            Link::No,
            Link::RouterSolicitation,
            Link::Router,
            Link::FarRouter,
            Link::NeighbourSolicitation,
            Link::NeighbourAdvertisement,
            Link::Membership,
            Link::MembershipQuery,
        ];
        let faults = [None, Some(Reason::Malformed), Some(Reason::Fragment), Some(Reason::ExtensionHeader)];
        let mut all = 0;
        for opening in openings {
            for link in links {
                for fault in faults {
                    for part in [Part::Whole, Part::First, Part::Later] {
                        let header = Header {
                            source: [1; 4],
                            destination: [2; 4],
                            protocol: 0xfe,
                            source_port: 0xfedc,
                            destination_port: 0xcdef,
                            tcp_flags: 0x91,
                            opening,
                            link,
                            fault,
                            part,
                            identification: 0xfeed_beef,
                            reach: 0xfff8,
                            upper: 0x3fff,
                        };
                        assert_eq!(header.sealed(&Nothing), header);
                        all += 1;
                    }
                }
            }
        }
        assert_eq!(all, 6 * 8 * 4 * 3);
    }
}
