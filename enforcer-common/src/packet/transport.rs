//! The upper-layer header: ports, and what the packet may do to the flow table.

use super::{Header, Opening, Packet, Part, protocol};
use crate::Reason;

/// TCP flags (RFC 9293, section 3.1).
pub(crate) mod flag {
    pub(crate) const FIN: u8 = 0x01;
    pub(crate) const SYN: u8 = 0x02;
    pub(crate) const RST: u8 = 0x04;
    pub(crate) const ACK: u8 = 0x10;
}

/// Reads the upper-layer header at `offset`, of which `available` bytes belong to the packet. Adds its length to
/// the `reach` of a first fragment.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "offsets within the headers that are walked")]
pub(super) fn parse<P: Packet, A>(packet: &P, offset: usize, available: usize, header: &mut Header<A>) {
    let is_first = header.part == Part::First;
    let parsed = match header.protocol {
        protocol::TCP => tcp(packet, offset, available),
        protocol::UDP => udp(packet, offset, available, is_first),
        protocol::SCTP => sctp(packet, offset, available),
        protocol::ICMP => icmp(packet, offset, available, &V4),
        protocol::ICMPV6 => icmp(packet, offset, available, &V6),
        _ => Ok(Upper { source: 0, destination: 0, flags: 0, opening: Opening::Plain, length: 0 }),
    };
    header.upper = offset as u32;
    match parsed {
        Ok(upper) => {
            header.source_port = upper.source;
            header.destination_port = upper.destination;
            header.tcp_flags = upper.flags;
            header.opening = upper.opening;
            if is_first {
                header.reach += upper.length;
            }
        }
        // The rest may come in the next fragment, where nothing would look for it.
        Err(Fault::Short) if is_first => header.fault = Some(Reason::Fragment),
        Err(Fault::Short | Fault::Lies) => header.fault = Some(Reason::Malformed),
    }
}

/// What is read of an upper-layer header.
struct Upper {
    source: u16,
    destination: u16,
    flags: u8,
    opening: Opening,
    /// Bytes of it that decide.
    length: u32,
}

/// What is wrong with it.
enum Fault {
    /// It ends too early.
    Short,
    /// Its fields contradict each other.
    Lies,
}

/// RFC 9293.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a header of at most 60 bytes")]
fn tcp<P: Packet>(packet: &P, offset: usize, available: usize) -> Result<Upper, Fault> {
    let [s0, s1, d0, d1, _, _, _, _, _, _, _, _, data_offset, flags] =
        packet.read::<14>(offset).ok_or(Fault::Short)?;
    let length = ((data_offset >> 4) as usize) * 4;
    if available < 20 {
        return Err(Fault::Short);
    }
    if length < 20 {
        return Err(Fault::Lies);
    }
    if length > available {
        return Err(Fault::Short);
    }
    let opening = if flags & flag::SYN != 0 {
        if flags & (flag::ACK | flag::RST | flag::FIN) == 0 { Opening::Handshake } else { Opening::Never }
    } else if flags & flag::RST != 0 || flags & flag::ACK == 0 {
        // Once a connection is being opened every segment but a RST carries ACK (section 3.10.7).
        Opening::Never
    } else {
        Opening::MidStream
    };
    Ok(Upper {
        source: u16::from_be_bytes([s0, s1]),
        destination: u16::from_be_bytes([d0, d1]),
        flags,
        opening,
        length: length as u32,
    })
}

/// RFC 768. A length of 0 stands in segmentation-offloaded datagrams above 64 KiB; a first fragment tells the
/// length of the whole datagram.
#[inline(always)]
fn udp<P: Packet>(packet: &P, offset: usize, available: usize, is_first: bool) -> Result<Upper, Fault> {
    let [s0, s1, d0, d1, l0, l1] = packet.read::<6>(offset).ok_or(Fault::Short)?;
    let length = u16::from_be_bytes([l0, l1]) as usize;
    if available < 8 {
        return Err(Fault::Short);
    }
    if (length > available && !is_first) || (length < 8 && length != 0) {
        return Err(Fault::Lies);
    }
    Ok(Upper {
        source: u16::from_be_bytes([s0, s1]),
        destination: u16::from_be_bytes([d0, d1]),
        flags: 0,
        opening: Opening::Plain,
        length: 8,
    })
}

/// RFC 9260: a 12-byte common header, then chunks. INIT stands alone in its packet.
#[inline(always)]
fn sctp<P: Packet>(packet: &P, offset: usize, available: usize) -> Result<Upper, Fault> {
    const INIT: u8 = 1;
    const INIT_ACK: u8 = 2;
    const ABORT: u8 = 6;
    let [s0, s1, d0, d1, _, _, _, _, _, _, _, _, chunk] = packet.read::<13>(offset).ok_or(Fault::Short)?;
    if available < 16 {
        return Err(Fault::Short);
    }
    let opening = match chunk {
        INIT => Opening::Handshake,
        INIT_ACK | ABORT => Opening::Never,
        _ => Opening::MidStream,
    };
    Ok(Upper {
        source: u16::from_be_bytes([s0, s1]),
        destination: u16::from_be_bytes([d0, d1]),
        flags: 0,
        opening,
        length: 16,
    })
}

/// The message types that are told apart.
struct Types {
    request: u8,
    reply: u8,
    /// A bit for each type that is an error and quotes a packet.
    errors: u16,
}

/// RFC 792: destination unreachable, source quench, time exceeded, parameter problem. A redirect quotes a packet
/// too, but no flow wants it.
const V4: Types = Types { request: 8, reply: 0, errors: 1 << 3 | 1 << 4 | 1 << 11 | 1 << 12 };
/// RFC 4443: destination unreachable, packet too big, time exceeded, parameter problem.
const V6: Types = Types { request: 128, reply: 129, errors: 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 };

/// RFC 792, RFC 4443.
#[inline(always)]
fn icmp<P: Packet>(packet: &P, offset: usize, available: usize, types: &Types) -> Result<Upper, Fault> {
    let [kind, _, _, _, i0, i1] = packet.read::<6>(offset).ok_or(Fault::Short)?;
    if available < 8 {
        return Err(Fault::Short);
    }
    let identifier = u16::from_be_bytes([i0, i1]);
    let (port, opening) = if kind == types.request {
        (identifier, Opening::Plain)
    } else if kind == types.reply {
        (identifier, Opening::Never)
    } else if kind < 16 && types.errors >> kind & 1 != 0 {
        (0, Opening::Error)
    } else {
        (0, Opening::Alone)
    };
    Ok(Upper { source: port, destination: port, flags: 0, opening, length: 8 })
}
