//! The upper-layer header: ports, and what the packet may do to the flow table.

use super::{Header, Opening, Packet, protocol};
use crate::Reason;

/// TCP flags (RFC 9293, section 3.1).
pub(crate) mod flag {
    pub(crate) const FIN: u8 = 0x01;
    pub(crate) const SYN: u8 = 0x02;
    pub(crate) const RST: u8 = 0x04;
    pub(crate) const ACK: u8 = 0x10;
}

/// Reads the upper-layer header at `offset`, of which `available` bytes belong to the packet.
#[inline(always)]
pub(super) fn parse<P: Packet, A>(packet: &P, offset: usize, available: usize, header: &mut Header<A>) {
    let parsed = match header.protocol {
        protocol::TCP => tcp(packet, offset, available),
        protocol::UDP => udp(packet, offset, available),
        protocol::SCTP => sctp(packet, offset, available),
        protocol::ICMP => icmp(packet, offset, available, 8, 0),
        protocol::ICMPV6 => icmp(packet, offset, available, 128, 129),
        _ => Some((0, 0, 0, Opening::Plain)),
    };
    match parsed {
        Some((source_port, destination_port, tcp_flags, opening)) => {
            header.source_port = source_port;
            header.destination_port = destination_port;
            header.tcp_flags = tcp_flags;
            header.opening = opening;
        }
        None => header.fault = Some(Reason::Malformed),
    }
}

type Parsed = Option<(u16, u16, u8, Opening)>;

/// RFC 9293.
#[inline(always)]
fn tcp<P: Packet>(packet: &P, offset: usize, available: usize) -> Parsed {
    let [s0, s1, d0, d1, _, _, _, _, _, _, _, _, data_offset, flags] = packet.read::<14>(offset)?;
    let length = ((data_offset >> 4) as usize) * 4;
    if length < 20 || length > available {
        return None;
    }
    let opening = if flags & flag::SYN != 0 {
        if flags & (flag::ACK | flag::RST | flag::FIN) == 0 { Opening::Handshake } else { Opening::Never }
    } else if flags & flag::RST != 0 || flags & flag::ACK == 0 {
        // Once a connection is being opened every segment but a RST carries ACK (section 3.10.7).
        Opening::Never
    } else {
        Opening::MidStream
    };
    Some((u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]), flags, opening))
}

/// RFC 768. A length of 0 stands in segmentation-offloaded datagrams above 64 KiB.
#[inline(always)]
fn udp<P: Packet>(packet: &P, offset: usize, available: usize) -> Parsed {
    let [s0, s1, d0, d1, l0, l1] = packet.read::<6>(offset)?;
    let length = u16::from_be_bytes([l0, l1]) as usize;
    if available < 8 || length > available || (length < 8 && length != 0) {
        return None;
    }
    Some((u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]), 0, Opening::Plain))
}

/// RFC 9260: a 12-byte common header, then chunks. INIT stands alone in its packet.
#[inline(always)]
fn sctp<P: Packet>(packet: &P, offset: usize, available: usize) -> Parsed {
    const INIT: u8 = 1;
    const INIT_ACK: u8 = 2;
    const ABORT: u8 = 6;
    let [s0, s1, d0, d1, _, _, _, _, _, _, _, _, chunk] = packet.read::<13>(offset)?;
    if available < 16 {
        return None;
    }
    let opening = match chunk {
        INIT => Opening::Handshake,
        INIT_ACK | ABORT => Opening::Never,
        _ => Opening::MidStream,
    };
    Some((u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]), 0, opening))
}

/// RFC 792, RFC 4443.
#[inline(always)]
fn icmp<P: Packet>(packet: &P, offset: usize, available: usize, request: u8, reply: u8) -> Parsed {
    let [kind, _, _, _, i0, i1] = packet.read::<6>(offset)?;
    if available < 8 {
        return None;
    }
    let identifier = u16::from_be_bytes([i0, i1]);
    Some(if kind == request {
        (identifier, identifier, 0, Opening::Plain)
    } else if kind == reply {
        (identifier, identifier, 0, Opening::Never)
    } else {
        (0, 0, 0, Opening::Alone)
    })
}
