//! Real frames from short descriptions, byte by byte and with right checksums.
//!
//! Written from the RFCs and without the parser's types, so that both cannot share a mistake.

mod checksum;
mod datagram;
mod ip;
mod packet;
mod transport;

use enforcer::model::Direction;

pub use datagram::{Datagram, arp, framed};
pub use packet::{Packet, SctpChunk, TcpFlags, Transport};

/// Hardware address of the pod's side of frames.
pub const LOCAL_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x01];
/// Hardware address of the node's side of frames.
pub const REMOTE_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x02];

/// The Ethernet frame of a packet, without padding and frame check sequence.
///
/// # Panics
/// When the addresses are of two families.
#[must_use]
pub fn ethernet(packet: &Packet) -> Vec<u8> {
    let (destination, source) = match packet.direction {
        Direction::Ingress => (LOCAL_MAC, REMOTE_MAC),
        Direction::Egress => (REMOTE_MAC, LOCAL_MAC),
    };
    let ether_type: u16 = if packet.local.is_ipv4() { 0x0800 } else { 0x86dd };
    [&destination[..], &source[..], &ether_type.to_be_bytes()[..], &ip(packet)[..]].concat()
}

/// The IP packet alone.
///
/// # Panics
/// When the addresses are of two families.
#[must_use]
pub fn ip(packet: &Packet) -> Vec<u8> {
    ip::build(packet, &transport::build(packet))
}

#[cfg(test)]
mod tests;
