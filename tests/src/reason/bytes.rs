//! Frames that are not what they should be, made of frames that are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use enforcer::model::Direction;

use crate::frame::{LOCAL_MAC, Packet, REMOTE_MAC, TcpFlags, Transport, ethernet};

/// The pod's own addresses.
pub const LOCAL_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
/// The same for IPv6.
pub const LOCAL_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1));
/// The peer that rules name.
pub const REMOTE_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
/// The same for IPv6.
pub const REMOTE_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2));

/// Where the network layer begins.
pub(super) const IP: usize = 14;
/// Where an IPv4 packet without options has its upper-layer header.
pub(super) const UPPER_V4: usize = IP + 20;
/// The same for IPv6 without extension headers.
pub(super) const UPPER_V6: usize = IP + 40;

/// Both families' pod and peer.
pub(super) const PAIRS: [(IpAddr, IpAddr); 2] = [(LOCAL_V4, REMOTE_V4), (LOCAL_V6, REMOTE_V6)];

/// A packet of the pair's family.
pub(super) fn packet(
    direction: Direction,
    (local, remote): (IpAddr, IpAddr),
    transport: Transport,
) -> Packet {
    Packet { direction, local, remote, transport }
}

/// What the rules of [`super::Setting::Isolated`] allow: a SYN to TCP 80.
pub(super) fn allowed_syn(pair: (IpAddr, IpAddr)) -> Packet {
    tcp(Direction::Ingress, pair, 80, 40_000, TcpFlags::SYN)
}

/// A TCP segment.
pub(super) fn tcp(
    direction: Direction,
    pair: (IpAddr, IpAddr),
    local: u16,
    remote: u16,
    flags: TcpFlags,
) -> Packet {
    packet(direction, pair, Transport::Tcp { local, remote, flags })
}

/// What the rules of [`super::Setting::Isolated`] allow: a datagram to UDP 53.
pub(super) fn allowed_datagram(pair: (IpAddr, IpAddr)) -> Packet {
    packet(Direction::Egress, pair, Transport::Udp { local: 5353, remote: 53 })
}

/// An Ethernet frame with any content.
pub(super) fn raw(direction: Direction, ether_type: u16, content: &[u8]) -> Vec<u8> {
    let (to, from) = match direction {
        Direction::Ingress => (LOCAL_MAC, REMOTE_MAC),
        Direction::Egress => (REMOTE_MAC, LOCAL_MAC),
    };
    [&to[..], &from, &ether_type.to_be_bytes(), content].concat()
}

/// The frame with other bytes at an offset. Checksums are left as they were: nothing here reads them.
///
/// # Panics
/// When there are no bytes to replace.
pub(super) fn patched(mut frame: Vec<u8>, offset: usize, bytes: &[u8]) -> Vec<u8> {
    frame.get_mut(offset..offset + bytes.len()).expect("an offset in the frame").copy_from_slice(bytes);
    frame
}

/// The first bytes of a frame.
pub(super) fn truncated(mut frame: Vec<u8>, length: usize) -> Vec<u8> {
    assert!(frame.len() > length, "the frame has only {} bytes", frame.len());
    frame.truncate(length);
    frame
}

/// An IPv6 packet with extension headers before what it carried: each its number and its bytes, whose first is
/// set here. The payload length counts them.
///
/// # Panics
/// When the packet has no room for them.
pub(super) fn extended(packet: &Packet, headers: &[(u8, &[u8])]) -> Vec<u8> {
    let plain = ethernet(packet);
    let (front, upper) = plain.split_at(UPPER_V6);
    let mut chain = Vec::new();
    let numbers = headers.iter().skip(1).map(|(number, _)| *number).chain([packet.protocol()]);
    for ((_, bytes), following) in headers.iter().zip(numbers) {
        let (_, rest) = bytes.split_first().expect("a header has bytes");
        chain.push(following);
        chain.extend_from_slice(rest);
    }
    let first = headers.first().map_or(packet.protocol(), |(number, _)| *number);
    let payload = u16::try_from(chain.len() + upper.len()).expect("a short packet").to_be_bytes();
    let front = patched(patched(front.to_vec(), IP + 4, &payload), IP + 6, &[first]);
    [front, chain, upper.to_vec()].concat()
}

/// An `ICMPv6` message with a body after its checksum field.
///
/// # Panics
/// When the body is too long.
pub(super) fn icmpv6(
    direction: Direction,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    hop_limit: u8,
    kind: u8,
    body: &[u8],
) -> Vec<u8> {
    let message = [&[kind, 0, 0, 0], body].concat();
    let [high, low] = u16::try_from(message.len()).expect("a short message").to_be_bytes();
    let front = [0x60, 0, 0, 0, high, low, 58, hop_limit];
    raw(direction, 0x86dd, &[&front[..], &source.octets(), &destination.octets(), &message].concat())
}
