//! IPv4 (RFC 791).

use super::{ETHERNET, Header, Link, Packet, link, protocol, remaining, transport};
use crate::Reason;

/// More-fragments flag and fragment offset.
const FRAGMENT: u16 = 0x3fff;

/// Parses an IPv4 packet. `None` when not even the addresses are there.
#[inline(always)]
pub fn parse<P: Packet>(packet: &P) -> Option<Header<[u8; 4]>> {
    let ip: [u8; 20] = packet.read(ETHERNET)?;
    let [version, _, length0, length1, _, _, fragment0, fragment1, ttl, upper, ..] = ip;
    let [.., s0, s1, s2, s3, d0, d1, d2, d3] = ip;
    let mut header = Header::addressed([s0, s1, s2, s3], [d0, d1, d2, d3]);
    header.protocol = upper;

    let header_length = ((version & 0x0f) as usize) * 4;
    let total = u16::from_be_bytes([length0, length1]) as usize;
    let there = remaining(packet, ETHERNET);
    // A segmentation-offloaded packet above 64 KiB (BIG TCP) has no room for its length and says 0.
    let total = if total == 0 && there > 0xffff { there } else { total };
    if version >> 4 != 4 || header_length < 20 || total < header_length || total > there {
        header.fault = Some(Reason::Malformed);
        return Some(header);
    }
    if u16::from_be_bytes([fragment0, fragment1]) & FRAGMENT != 0 {
        header.fault = Some(Reason::Fragment);
        return Some(header);
    }
    transport::parse(packet, ETHERNET + header_length, total - header_length, &mut header);
    if upper == protocol::IGMP && ttl == 1 && header.fault.is_none() {
        header.link = igmp(packet, ETHERNET + header_length);
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
