//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers.

use std::net::IpAddr;

use super::{Packet, checksum};

const HOP_LIMIT: u8 = 64;

pub(super) fn build(packet: &Packet, payload: &[u8]) -> Vec<u8> {
    match (packet.source(), packet.destination()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            v4(source.octets(), destination.octets(), packet.protocol(), payload)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            v6(source.octets(), destination.octets(), packet.protocol(), payload)
        }
        families => unreachable!("a packet of two families: {families:?}"),
    }
}

fn v4(source: [u8; 4], destination: [u8; 4], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).expect("payloads here are short");
    let [length_high, length_low] = length.to_be_bytes();
    // Version and header length; no services; length; id 0 with "don't fragment"; life; protocol.
    let front = [0x45, 0, length_high, length_low, 0, 0, 0x40, 0, HOP_LIMIT, protocol];
    let unsummed = [&front[..], &[0, 0], &source, &destination].concat();
    let sum = checksum::internet(&unsummed);
    [&front[..], &sum, &source, &destination, payload].concat()
}

fn v6(source: [u8; 16], destination: [u8; 16], next_header: u8, payload: &[u8]) -> Vec<u8> {
    let [length_high, length_low] =
        u16::try_from(payload.len()).expect("payloads here are short").to_be_bytes();
    let front = [0x60, 0, 0, 0, length_high, length_low, next_header, HOP_LIMIT];
    [&front[..], &source, &destination, payload].concat()
}

/// What the transport's checksum covers besides the segment (RFC 9293, RFC 8200 section 8.1).
pub(super) fn pseudo_header(packet: &Packet, length: usize) -> Vec<u8> {
    let length = u32::try_from(length).expect("payloads here are short").to_be_bytes();
    let protocol = [0, 0, 0, packet.protocol()];
    match (packet.source(), packet.destination()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            // For IPv4 the fields have half the width; zeros change no sum.
            [&source.octets()[..], &destination.octets(), &protocol, &length].concat()
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            [&source.octets()[..], &destination.octets(), &length, &protocol].concat()
        }
        families => unreachable!("a packet of two families: {families:?}"),
    }
}
