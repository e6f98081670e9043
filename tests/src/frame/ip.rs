//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers.

use std::net::IpAddr;

use super::{Datagram, Lie, Packet, checksum};

/// IPv4 in front of a payload. `word`: three flags and the offset.
pub(super) fn v4(datagram: &Datagram, identification: u16, word: u16, payload: &[u8]) -> Vec<u8> {
    let (source, destination) = match (datagram.packet.source(), datagram.packet.destination()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => (source.octets(), destination.octets()),
        families => unreachable!("a packet of two families: {families:?}"),
    };
    // Options that do nothing.
    let options = vec![1; 4 * usize::from(datagram.options)];
    let mut version_and_words = 0x45 + datagram.options;
    match datagram.lie {
        Some(Lie::Version(version)) => version_and_words = version << 4 | version_and_words & 0x0f,
        Some(Lie::HeaderLength(words)) => version_and_words = 0x40 | words,
        _ => {}
    }
    let [length_high, length_low] = length(datagram, 20 + options.len() + payload.len());
    let [id_high, id_low] = identification.to_be_bytes();
    let [word_high, word_low] = word.to_be_bytes();
    let (life, protocol) = (datagram.hop_limit, datagram.protocol());
    // No services.
    let front =
        [version_and_words, 0, length_high, length_low, id_high, id_low, word_high, word_low, life, protocol];
    let sum = checksum::internet(&[&front[..], &[0, 0], &source, &destination, &options].concat());
    [&front[..], &sum, &source, &destination, &options, payload].concat()
}

/// IPv6 in front of its extension headers and payload.
pub(super) fn v6(datagram: &Datagram, next_header: u8, payload: &[u8]) -> Vec<u8> {
    let (source, destination) = match (datagram.packet.source(), datagram.packet.destination()) {
        (IpAddr::V6(source), IpAddr::V6(destination)) => (source.octets(), destination.octets()),
        families => unreachable!("a packet of two families: {families:?}"),
    };
    let version = match datagram.lie {
        Some(Lie::Version(version)) => version << 4,
        _ => 0x60,
    };
    let [length_high, length_low] = length(datagram, payload.len());
    let front = [version, 0, 0, 0, length_high, length_low, next_header, datagram.hop_limit];
    [&front[..], &source, &destination, payload].concat()
}

/// The length field.
fn length(datagram: &Datagram, length: usize) -> [u8; 2] {
    let length = u16::try_from(length).expect("payloads here are short");
    let more = if let Some(Lie::Length(more)) = datagram.lie { more } else { 0 };
    length.wrapping_add_signed(more).to_be_bytes()
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
