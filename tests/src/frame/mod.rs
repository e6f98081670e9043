//! Real frames from short descriptions, byte by byte and with right checksums.
//!
//! Written from the RFCs and without the parser's types, so that both cannot share a mistake.

pub(crate) mod checksum;
mod datagram;
mod extension;
mod fragment;
mod ip;
mod layers;
mod link;
mod packet;
mod quote;
mod transport;

pub use datagram::{Datagram, Lie, Upper};
pub use extension::{Extension, has_length};
pub use fragment::Fragment;
pub use layers::{Arp, Content, Frame, Sender, Tag};
pub use link::Link;
pub use packet::{Packet, SctpChunk, TcpFlags, Transport};
pub use quote::{IcmpError, Quote};

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
    Frame::whole(Datagram::new(*packet)).bytes()
}

/// The IP packet alone.
///
/// # Panics
/// When the addresses are of two families.
#[must_use]
pub fn ip(packet: &Packet) -> Vec<u8> {
    datagram::bytes(&Datagram::new(*packet))
}

#[cfg(test)]
mod tests;
