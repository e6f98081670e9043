//! IPv6 and its extension headers (RFC 8200).
//!
//! The walk is bounded; a header that is not on the list, or one header more than the bound, is a fault:
//! closed, since what lies behind it cannot be judged.

use super::{ETHERNET, Header, Packet, link, protocol, remaining, transport};
use crate::Reason;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;

/// Extension headers that are walked. RFC 8200, section 4.1 allows seven in a useful packet, of which
/// few are ever seen together.
const WALK: usize = 4;

/// Parses an IPv6 packet. `None` when not even the addresses are there.
#[inline(always)]
pub fn parse<P: Packet>(packet: &P) -> Option<Header<[u8; 16]>> {
    let [version, _, _, _, length0, length1, next, hop_limit] = packet.read::<8>(ETHERNET)?;
    let source: [u8; 16] = packet.read(ETHERNET + 8)?;
    let destination: [u8; 16] = packet.read(ETHERNET + 24)?;
    let mut header = Header::addressed(source, destination);

    let there = remaining(packet, ETHERNET + 40);
    let payload = u16::from_be_bytes([length0, length1]) as usize;
    // As in IPv4: segmentation-offloaded packets above 64 KiB say 0.
    let payload = if payload == 0 && there > 0xffff { there } else { payload };
    if version >> 4 != 6 || payload > there {
        header.fault = Some(Reason::Malformed);
        return Some(header);
    }
    match walk(packet, next, payload) {
        Ok((upper, skipped)) => {
            header.protocol = upper;
            let offset = ETHERNET + 40 + skipped;
            transport::parse(packet, offset, payload - skipped, &mut header);
            if upper == protocol::ICMPV6 && header.fault.is_none() {
                header.link = link::icmpv6(packet, offset, hop_limit);
            }
        }
        Err(reason) => header.fault = Some(reason),
    }
    Some(header)
}

/// Walks the extension headers: the upper-layer protocol and the bytes skipped.
#[inline(always)]
fn walk<P: Packet>(packet: &P, first: u8, payload: usize) -> Result<(u8, usize), Reason> {
    let mut next = first;
    let mut skipped = 0_usize;
    for step in 0..=WALK {
        let known = match next {
            HOP_BY_HOP => step == 0,
            ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION => true,
            MOBILITY | HIP | SHIM6 => false,
            _ => return Ok((next, skipped)),
        };
        if !known || step == WALK {
            break;
        }
        let [following, length, fragment0, fragment1] =
            packet.read::<4>(ETHERNET + 40 + skipped).ok_or(Reason::Malformed)?;
        let bytes = match next {
            // Offset and the more-fragments flag; both zero is an atomic fragment (RFC 6946).
            FRAGMENT if u16::from_be_bytes([fragment0, fragment1]) & 0xfff9 != 0 => {
                return Err(Reason::Fragment);
            }
            FRAGMENT => 8,
            // RFC 4302 counts in 4-byte units, minus two.
            AUTHENTICATION => (length as usize + 2) * 4,
            _ => (length as usize + 1) * 8,
        };
        skipped += bytes;
        if skipped > payload {
            return Err(Reason::Malformed);
        }
        next = following;
    }
    Err(Reason::ExtensionHeader)
}
