//! IPv6 and its extension headers (RFC 8200).
//!
//! The walk is bounded; a header that is not on the list, or one header more than the bound, is a fault:
//! closed, since what lies behind it cannot be judged.

use super::{Header, Link, Packet, Part, link, protocol, remaining, transport};
use crate::{Reason, fragment::Remembered};

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

/// Bytes of the fixed header.
const FIXED: usize = 40;

/// Parses an IPv6 packet whose header begins at `start`. `None` when not even the addresses are there.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "offsets within the headers that are walked")]
pub fn parse<P: Packet>(packet: &P, start: usize) -> Option<Header<[u8; 16]>> {
    let [version, _, _, _, length0, length1, next, hop_limit] = packet.read::<8>(start)?;
    let source: [u8; 16] = packet.read(start + 8)?;
    let destination: [u8; 16] = packet.read(start + 24)?;
    let mut header = Header::addressed(source, destination);

    let there = remaining(packet, start + FIXED);
    let payload = u16::from_be_bytes([length0, length1]) as usize;
    // As in IPv4: segmentation-offloaded packets above 64 KiB say 0.
    let payload = if payload == 0 && there > 0xffff { there } else { payload };
    if version >> 4 != 6 || payload > there {
        header.fault = Some(Reason::Malformed);
        header.link = hidden(hop_limit);
        return Some(header);
    }
    let skipped = match walk(packet, start + FIXED, next, payload, &mut header) {
        Ok(skipped) => skipped,
        Err(reason) => {
            header.fault = Some(reason);
            // Where the transport's header ends is not known: all that follows has this fault.
            header.reach = 0;
            header.link = hidden(hop_limit);
            return Some(header);
        }
    };
    // As many ways through the walk as there are, it ends in one place: see `Header::sealed`.
    let skipped = (packet.opaque(skipped as u64) & 0x3fff) as usize;
    let mut header = header.sealed(packet);
    if header.part != Part::Later {
        if header.part == Part::First {
            // Until here it is where the fragmentable part begins.
            header.reach = (skipped as u32).wrapping_sub(header.reach);
        }
        let offset = start + FIXED + skipped;
        transport::parse(packet, offset, payload - skipped, &mut header);
        if header.reach > Remembered::REACH {
            header.fault = Some(Reason::Fragment);
        }
        if header.fault.is_some() {
            header.link = hidden(hop_limit);
        } else if header.protocol == protocol::ICMPV6 {
            header.link = link::icmpv6(packet, offset, hop_limit, header.part);
        }
    }
    Some(header)
}

/// What may be behind a fault.
#[inline(always)]
const fn hidden(hop_limit: u8) -> Link {
    if hop_limit == link::ON_LINK { Link::FarRouter } else { Link::No }
}

/// Walks the extension headers, and returns the bytes skipped. Notes the upper-layer protocol, and of a fragment
/// header what it says; a first fragment's `reach` is then where its fragmentable part begins.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "offsets within the headers that are walked")]
fn walk<P: Packet>(
    packet: &P,
    start: usize,
    first: u8,
    payload: usize,
    header: &mut Header<[u8; 16]>,
) -> Result<usize, Reason> {
    let mut next = first;
    let mut skipped = 0_usize;
    let mut is_fragment = false;
    // What a packet lacks may be in its next fragment: a first one must have all that decides.
    let mut short = Reason::Malformed;
    for step in 0..=WALK {
        let known = match next {
            HOP_BY_HOP => step == 0,
            FRAGMENT => !is_fragment,
            ROUTING | AUTHENTICATION | DESTINATION => true,
            MOBILITY | HIP | SHIM6 => false,
            _ => {
                header.protocol = next;
                return Ok(skipped);
            }
        };
        if !known || step == WALK {
            break;
        }
        let [following, length, fragment0, fragment1] = packet.read::<4>(start + skipped).ok_or(short)?;
        let bytes = match next {
            FRAGMENT => 8,
            // RFC 4302 counts in 4-byte units, minus two.
            AUTHENTICATION => (length as usize + 2) * 4,
            _ => (length as usize + 1) * 8,
        };
        let at = skipped;
        skipped += bytes;
        if skipped > payload {
            return Err(short);
        }
        if next == FRAGMENT {
            is_fragment = true;
            let word = u16::from_be_bytes([fragment0, fragment1]);
            // Offset and the more-fragments flag; both zero is an atomic fragment (RFC 6946).
            if word & 0xfff9 != 0 {
                header.identification =
                    u32::from_be_bytes(packet.read::<4>(start + at + 4).ok_or(Reason::Malformed)?);
                if word & 0xfff8 != 0 {
                    header.part = Part::Later;
                    header.protocol = following;
                    header.reach = (word & 0xfff8) as u32;
                    return Ok(skipped);
                }
                header.part = Part::First;
                header.reach = skipped as u32;
                short = Reason::Fragment;
            }
        }
        next = following;
    }
    Err(Reason::ExtensionHeader)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes<'a>(&'a [u8]);

    impl Packet for Bytes<'_> {
        fn length(&self) -> u32 {
            u32::try_from(self.0.len()).unwrap_or(u32::MAX)
        }

        fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
            self.0.get(offset..)?.first_chunk().copied()
        }
    }

    /// RFC 8200, section 4.5: the second byte is reserved, and no length.
    #[test]
    fn a_fragment_header_has_eight_bytes_whatever_its_reserved_one_says() {
        for reserved in [0, 1, 7, 255] {
            let udp = [0x9c, 0x40, 0, 53, 0, 8, 0, 0];
            let fragment = [17, reserved, 0, 1, 0, 0, 0, 9];
            let fixed = [0x60, 0, 0, 0, 0, 16, FRAGMENT, 64];
            let parts = [&fixed[..], &[1; 16], &[2; 16], &fragment, &udp];
            let mut bytes = [0; 56];
            for (place, byte) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
                *place = *byte;
            }
            let header = parse(&Bytes(&bytes), 0);
            let seen = header.map(|it| (it.fault, it.protocol, it.destination_port, it.identification));
            assert_eq!(seen, Some((None, 17, 53, 9)));
        }
    }
}
