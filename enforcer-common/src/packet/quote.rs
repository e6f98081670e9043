//! The packet that an ICMP error quotes (RFC 792; RFC 4443, section 3).
//!
//! A router quotes what it could not forward: the IP header and at least eight bytes behind it, enough for the
//! ports. What hides its ports behind extension headers or in another fragment is no quote of a flow.

use super::{Packet, protocol};

/// The tuple of a quoted packet, as it travelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote<A> {
    /// Source address.
    pub source: A,
    /// Destination address.
    pub destination: A,
    /// The upper-layer protocol.
    pub protocol: u8,
    /// Source port; an echo's identifier; else 0.
    pub source_port: u16,
    /// Destination port; an echo's identifier; else 0.
    pub destination_port: u16,
    /// It is an echo request.
    pub is_request: bool,
}

/// The IPv4 packet quoted at `start`.
#[inline(always)]
pub fn quote_ipv4<P: Packet>(packet: &P, start: usize) -> Option<Quote<[u8; 4]>> {
    /// The fragment's offset in the word of flags and offset.
    const OFFSET: u16 = 0x1fff;
    let ip: [u8; 20] = packet.read(start)?;
    let [version, _, _, _, _, _, fragment0, fragment1, _, upper, ..] = ip;
    let [.., s0, s1, s2, s3, d0, d1, d2, d3] = ip;
    let header_length = ((version & 0x0f) as usize) * 4;
    let offset = u16::from_be_bytes([fragment0, fragment1]) & OFFSET;
    if version >> 4 != 4 || header_length < 20 || offset != 0 {
        return None;
    }
    ports(packet, start + header_length, upper, [s0, s1, s2, s3], [d0, d1, d2, d3])
}

/// The IPv6 packet quoted at `start`. One fragment header is skipped: a host that fragments needs to learn the
/// path's MTU more than any other.
#[inline(always)]
pub fn quote_ipv6<P: Packet>(packet: &P, start: usize) -> Option<Quote<[u8; 16]>> {
    const FRAGMENT: u8 = 44;
    let [version, _, _, _, _, _, next, _] = packet.read::<8>(start)?;
    let source: [u8; 16] = packet.read(start + 8)?;
    let destination: [u8; 16] = packet.read(start + 24)?;
    if version >> 4 != 6 {
        return None;
    }
    let mut upper = next;
    let mut offset = start + 40;
    if next == FRAGMENT {
        let [following, _, fragment0, fragment1] = packet.read::<4>(offset)?;
        if u16::from_be_bytes([fragment0, fragment1]) & 0xfff8 != 0 {
            return None;
        }
        upper = following;
        offset += 8;
    }
    ports(packet, offset, upper, source, destination)
}

#[inline(always)]
fn ports<P: Packet, A>(packet: &P, offset: usize, upper: u8, source: A, destination: A) -> Option<Quote<A>> {
    let [s0, s1, d0, d1, i0, i1, _, _] = packet.read::<8>(offset)?;
    let (source_port, destination_port, is_request) = match upper {
        protocol::TCP | protocol::UDP | protocol::SCTP => {
            (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]), false)
        }
        protocol::ICMP | protocol::ICMPV6 => {
            let (request, reply) = if upper == protocol::ICMP { (8, 0) } else { (128, 129) };
            if s0 != request && s0 != reply {
                return None;
            }
            let identifier = u16::from_be_bytes([i0, i1]);
            (identifier, identifier, s0 == request)
        }
        _ => (0, 0, false),
    };
    Some(Quote { source, destination, protocol: upper, source_port, destination_port, is_request })
}
