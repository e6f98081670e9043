//! IP packets with any addresses, payload and fragments: what somebody sends who does not ask his kernel. Smaller than
//! what `frame` describes, which no kernel has to take in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::frame::checksum;

/// A packet before it is cut into fragments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// Where it says that it comes from.
    pub source: IpAddr,
    /// Where it goes.
    pub destination: IpAddr,
    /// IANA number of what it carries.
    pub protocol: u8,
    /// How many routers may forward it.
    pub hops: u8,
    /// All behind the IP header.
    pub payload: Vec<u8>,
}

/// IANA numbers.
const ICMP: u8 = 1;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const FRAGMENT: u8 = 44;

impl Datagram {
    /// A UDP datagram.
    #[must_use]
    pub fn udp(source: SocketAddr, destination: SocketAddr, content: &[u8]) -> Self {
        let length = short(8 + content.len());
        let (from, to) = (source.port().to_be_bytes(), destination.port().to_be_bytes());
        let (source, destination) = (source.ip(), destination.ip());
        let front = [from, to, length].concat();
        let mut packet = Self { source, destination, protocol: UDP, hops: 64, payload: Vec::new() };
        packet.payload = packet.summed(&front, content);
        // "If the computed checksum is zero, it is transmitted as all ones": zero says "no checksum".
        if let Some(sum) = packet.payload.get_mut(6..8).filter(|sum| *sum == [0, 0]) {
            sum.fill(0xff);
        }
        packet
    }

    /// An ICMP message of the addresses' family, with what follows its checksum.
    #[must_use]
    pub fn icmp(source: IpAddr, destination: IpAddr, kind: u8, code: u8, body: &[u8]) -> Self {
        let protocol = if source.is_ipv4() { ICMP } else { ICMPV6 };
        let mut packet = Self { source, destination, protocol, hops: 64, payload: Vec::new() };
        packet.payload = if source.is_ipv4() {
            let sum = checksum::internet(&[&[kind, code, 0, 0], body].concat());
            [&[kind, code], &sum[..], body].concat()
        } else {
            packet.summed(&[kind, code], body)
        };
        packet
    }

    /// The same with another hop limit.
    #[must_use]
    pub fn with_hops(self, hops: u8) -> Self {
        Self { hops, ..self }
    }

    /// The whole packet.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.packet(&[], &self.payload, [0, 0, 0x40, 0])
    }

    /// The packet in fragments of `size` bytes, a multiple of 8. In IPv6 each fragment can have bytes of its own
    /// before its fragment header: destination options, 8 bytes each.
    #[must_use]
    pub fn fragments(&self, id: u32, size: usize, options: &[usize]) -> Vec<Vec<u8>> {
        let count = self.payload.len().div_ceil(size);
        let cut = |(index, part): (usize, &[u8])| {
            let (offset, more) = (short(index * size / 8), index + 1 < count);
            if self.source.is_ipv4() {
                let [high, low] = offset;
                let [_, _, first, second] = id.to_be_bytes();
                return self.packet(&[], part, [first, second, high | if more { 0x20 } else { 0 }, low]);
            }
            let place = (u16::from_be_bytes(offset) << 3 | u16::from(more)).to_be_bytes();
            let header = [&[self.protocol, 0], &place[..], &id.to_be_bytes()].concat();
            let options = options.get(index).copied().unwrap_or_default();
            self.packet(&extended(options, &header), part, [0; 4])
        };
        self.payload.chunks(size).enumerate().map(cut).collect()
    }

    /// `front` are IPv6's extension headers with the number of the first one; `fragment` is the second word of an
    /// IPv4 header.
    fn packet(&self, front: &[u8], payload: &[u8], fragment: [u8; 4]) -> Vec<u8> {
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let length = short(20 + payload.len());
                let words = [&[0x45, 0], &length[..], &fragment, &[self.hops, self.protocol]].concat();
                let addresses = [source.octets(), destination.octets()].concat();
                let sum = checksum::internet(&[&words[..], &[0, 0], &addresses].concat());
                [&words[..], &sum, &addresses, payload].concat()
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let (first, headers) = front.split_first().unwrap_or((&self.protocol, &[]));
                let [high, low] = short(headers.len() + payload.len());
                let words = [0x60, 0, 0, 0, high, low, *first, self.hops];
                [&words[..], &source.octets(), &destination.octets(), headers, payload].concat()
            }
            families => unreachable!("a packet of two families: {families:?}"),
        }
    }

    /// A transport header with its checksum between `front` and `back`.
    fn summed(&self, front: &[u8], back: &[u8]) -> Vec<u8> {
        let octets = |address: IpAddr| match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let length = short(front.len() + 2 + back.len());
        let pseudo = [&octets(self.source)[..], &octets(self.destination), &length, &[0, self.protocol]];
        let sum = checksum::internet(&[&pseudo.concat()[..], front, &[0, 0], back].concat());
        [front, &sum, back].concat()
    }
}

/// Destination options (each header 8 bytes of padding, RFC 8200 4.6) before a fragment header, and first of all
/// the number of what comes first.
fn extended(options: usize, fragment: &[u8]) -> Vec<u8> {
    const DESTINATION_OPTIONS: u8 = 60;
    let mut bytes = vec![if options > 0 { DESTINATION_OPTIONS } else { FRAGMENT }];
    for left in (0..options).rev() {
        let next = if left > 0 { DESTINATION_OPTIONS } else { FRAGMENT };
        // Padding of six bytes.
        bytes.extend([next, 0, 1, 4, 0, 0, 0, 0]);
    }
    bytes.extend(fragment);
    bytes
}

/// An ARP packet for IPv4 over Ethernet: 1 asks, 2 answers.
#[must_use]
pub fn arp(operation: u8, sender: ([u8; 6], Ipv4Addr), target: ([u8; 6], Ipv4Addr)) -> Vec<u8> {
    let fixed = [0, 1, 8, 0, 6, 4, 0, operation];
    [&fixed[..], &sender.0, &sender.1.octets(), &target.0, &target.1.octets()].concat()
}

/// An Ethernet frame.
#[must_use]
pub fn framed(destination: [u8; 6], source: [u8; 6], ether_type: u16, content: &[u8]) -> Vec<u8> {
    [&destination[..], &source, &ether_type.to_be_bytes(), content].concat()
}

fn short(length: usize) -> [u8; 2] {
    u16::try_from(length).expect("packets have less than 65536 bytes").to_be_bytes()
}
