//! IPv4 (RFC 791).

use super::{Header, Link, Packet, Part, link, protocol, remaining, transport};
use crate::Reason;

/// In the word of flags and offset: more fragments follow.
const MORE: u16 = 0x2000;
/// In the same word: the fragment's offset, in units of eight bytes.
const OFFSET: u16 = 0x1fff;

/// Parses an IPv4 packet whose header begins at `start`. `None` when not even the addresses are there.
#[inline(always)]
pub fn parse<P: Packet>(packet: &P, start: usize) -> Option<Header<[u8; 4]>> {
    let ip: [u8; 20] = packet.read(start)?;
    let [version, _, length0, length1, id0, id1, fragment0, fragment1, ttl, upper, ..] = ip;
    let [.., s0, s1, s2, s3, d0, d1, d2, d3] = ip;
    let mut header = Header::addressed([s0, s1, s2, s3], [d0, d1, d2, d3]);
    header.protocol = upper;

    let header_length = ((version & 0x0f) as usize) * 4;
    let total = u16::from_be_bytes([length0, length1]) as usize;
    let there = remaining(packet, start);
    // A segmentation-offloaded packet above 64 KiB (BIG TCP) has no room for its length and says 0.
    let total = if total == 0 && there > 0xffff { there } else { total };
    if version >> 4 != 4 || header_length < 20 || total < header_length || total > there {
        header.fault = Some(Reason::Malformed);
        return Some(header);
    }
    let word = u16::from_be_bytes([fragment0, fragment1]);
    if word & (MORE | OFFSET) != 0 {
        header.identification = u16::from_be_bytes([id0, id1]) as u32;
        header.part = if word & OFFSET == 0 { Part::First } else { Part::Later };
        if header.part == Part::Later {
            header.reach = ((word & OFFSET) as u32) * 8;
            return Some(header);
        }
    }
    transport::parse(packet, start + header_length, total - header_length, &mut header);
    if header.fault.is_none() {
        match upper {
            protocol::IGMP if ttl == 1 && header.part == Part::Whole => {
                header.link = igmp(packet, start + header_length);
            }
            protocol::ICMP => header.link = link::icmp(packet, start + header_length),
            _ => {}
        }
    }
    Some(header)
}

/// Membership reports and leaves go from hosts to routers (RFC 3376).
#[inline(always)]
fn igmp<P: Packet>(packet: &P, offset: usize) -> Link {
    match packet.read::<2>(offset) {
        Some([kind, _]) => link::igmp(kind),
        None => Link::No,
    }
}
