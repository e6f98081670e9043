//! TCP (RFC 9293), UDP (RFC 768), SCTP (RFC 9260) and ICMP (RFC 792, RFC 4443).

use super::{Packet, SctpChunk, TcpFlags, Transport, checksum, ip};

const PAYLOAD: &[u8] = b"enforcer";

/// A transport header with its least payload and so many bytes more.
pub(super) fn build(packet: &Packet, more: usize) -> Vec<u8> {
    let ports = packet.ports().map(|(source, destination)| {
        let [a, b] = source.to_be_bytes();
        let [c, d] = destination.to_be_bytes();
        [a, b, c, d]
    });
    let ports = ports.unwrap_or_default();
    match packet.transport {
        Transport::Tcp { flags, .. } => tcp(packet, ports, flags, more),
        Transport::Udp { .. } => udp(packet, ports, more),
        Transport::Sctp { chunk, .. } => sctp(ports, chunk, more),
        Transport::Icmp { kind, code, identifier } => icmp(packet, [kind, code], identifier, more),
        // Long enough that nobody calls it truncated, and nothing that looks like ports.
        Transport::Other { .. } => vec![0xee; 24 + more],
    }
}

/// Bytes that mean nothing.
fn filled(start: &[u8], more: usize) -> Vec<u8> {
    [start, &vec![0x5a; more]].concat()
}

fn tcp(packet: &Packet, ports: [u8; 4], flags: TcpFlags, more: usize) -> Vec<u8> {
    let acknowledged = if flags.contains(TcpFlags::ACK) { [0, 0, 0, 1] } else { [0; 4] };
    let sequence = [0, 0, 0x10, 0];
    // Header length, flags, window.
    let middle = [0x50, flags.0, 0xff, 0xff];
    let quiet = [TcpFlags::SYN, TcpFlags::RST].iter().any(|&flag| flags.contains(flag));
    let payload = filled(if quiet { &[] } else { PAYLOAD }, more);
    let front = [&ports[..], &sequence, &acknowledged, &middle].concat();
    summed(packet, &front, &[&[0, 0], &payload[..]].concat())
}

fn udp(packet: &Packet, ports: [u8; 4], more: usize) -> Vec<u8> {
    let payload = filled(PAYLOAD, more);
    let length = u16::try_from(8 + payload.len()).expect("the payload is short").to_be_bytes();
    let mut segment = summed(packet, &[&ports[..], &length].concat(), &payload);
    // "If the computed checksum is zero, it is transmitted as all ones": zero says "no checksum".
    if let Some(sum) = segment.get_mut(6..8)
        && sum == [0, 0]
    {
        sum.fill(0xff);
    }
    segment
}

/// A segment with its checksum between `front` and `back`.
fn summed(packet: &Packet, front: &[u8], back: &[u8]) -> Vec<u8> {
    let pseudo = ip::pseudo_header(packet, front.len() + 2 + back.len());
    let sum = checksum::internet(&[&pseudo[..], front, &[0, 0], back].concat());
    [front, &sum, back].concat()
}

fn sctp(ports: [u8; 4], chunk: SctpChunk, more: usize) -> Vec<u8> {
    // INIT is the one packet whose verification tag is zero.
    let tag = if chunk == SctpChunk::INIT { [0; 4] } else { [0, 0, 0, 7] };
    let body: &[u8] = match chunk {
        // Stream sequence number (4), stream and its number (4), payload protocol (4), user data.
        SctpChunk::DATA => b"\0\0\0\x01\0\0\0\0\0\0\0\0enforcer",
        // Initiate tag, window, outbound streams, inbound streams, first sequence number.
        SctpChunk::INIT | SctpChunk::INIT_ACK => b"\0\0\0\x07\0\x01\0\0\0\x01\0\x01\0\0\0\x01",
        // Acknowledged number, window, no gaps, no duplicates.
        SctpChunk::SACK => b"\0\0\0\x01\0\x01\0\0\0\0\0\0",
        // One heartbeat-information parameter.
        SctpChunk::HEARTBEAT | SctpChunk::HEARTBEAT_ACK => b"\0\x01\0\x0cenforcer",
        SctpChunk::SHUTDOWN => b"\0\0\0\x01",
        SctpChunk::COOKIE_ECHO => PAYLOAD,
        _ => b"",
    };
    let length = u16::try_from(4 + body.len()).expect("bodies are short").to_be_bytes();
    // Whole fragments only: the first and the last bit of DATA's flags.
    let chunk_flags = if chunk == SctpChunk::DATA { 0x03 } else { 0 };
    let mut chunk = [&[chunk.0, chunk_flags], &length[..], body].concat();
    if more >= 4 {
        // A second chunk, of padding (RFC 4820), with all that is left.
        let [high, low] = u16::try_from(more).expect("the payload is short").to_be_bytes();
        chunk.extend(filled(&[0x84, 0, high, low], more - 4));
    }
    let sum = checksum::crc32c(&[&ports[..], &tag, &[0; 4], &chunk].concat());
    [&ports[..], &tag, &sum, &chunk].concat()
}

fn icmp(packet: &Packet, front: [u8; 2], identifier: u16, more: usize) -> Vec<u8> {
    let sequence = [0, 1];
    let back = [&identifier.to_be_bytes()[..], &sequence, &filled(PAYLOAD, more)].concat();
    if packet.local.is_ipv6() {
        return summed(packet, &front, &back);
    }
    // ICMP for IPv4 sums itself only.
    let sum = checksum::internet(&[&front[..], &[0, 0], &back].concat());
    [&front[..], &sum, &back].concat()
}
