//! The parser against etherparse. Where both believe a packet, they must read the same from it; and what
//! etherparse believes we may only refuse for a reason that it does not know.

use std::{cell::Cell, net::IpAddr};

use enforcer::host::Frame;
use enforcer_common::{
    Direction, Reason,
    packet::{Header, Origin, ether_type, ethernet, parse_ipv4, parse_ipv6},
};
use etherparse::{NetSlice, SlicedPacket, TransportSlice};

/// The protocol of IP's authentication header.
const AUTHENTICATION: u8 = 51;

/// What both parsers read.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    ports: Option<(u16, u16)>,
    flags: u8,
}

/// Plays an input: a frame.
///
/// # Panics
/// When the parsers disagree.
pub fn parser(data: &[u8]) {
    let Some((ours, fault)) = ours(data) else { return };
    let Ok(sliced) = SlicedPacket::from_ethernet(data) else { return };
    let Some((theirs, whole)) = theirs(&sliced) else { return };
    assert_eq!((ours.source, ours.destination), (theirs.source, theirs.destination), "addresses");
    match fault {
        // etherparse looks behind an authentication header of IPv4. We take it for the protocol that it is (RFC 4302): no
        // rule with ports holds for it, and as IPv6's it would be one more header to walk at line rate.
        None if ours.source.is_ipv4() && ours.protocol == AUTHENTICATION => {}
        None if whole => {
            let ports = theirs.ports.or(ours.ports.filter(|_| !has_ports(theirs.protocol)));
            assert_eq!(ours, Read { ports, ..theirs });
        }
        // Fragments, whose headers etherparse leaves alone.
        None => {}
        // Rules of our own: what is a fragment, how many headers are walked.
        Some(Reason::Fragment | Reason::ExtensionHeader) => {}
        Some(Reason::Malformed) => {
            assert!(!whole || lies_about_length(data, &sliced), "{theirs:?} is refused as malformed")
        }
        Some(reason) => unreachable!("the parser gives {reason:?}"),
    }
}

fn ours(data: &[u8]) -> Option<(Read, Option<Reason>)> {
    let (direction, origin) = (Direction::Ingress, Origin::Elsewhere);
    let frame =
        Frame { bytes: data, interface: 1, direction, origin, now: 0, time: 0, token: Cell::default() };
    match ethernet(&frame) {
        (ether_type::IPV4, start) => parse_ipv4(&frame, start).map(|header| read(&header)),
        (ether_type::IPV6, start) => parse_ipv6(&frame, start).map(|header| read(&header)),
        _ => None,
    }
}

fn read<A: Copy + Into<IpAddr>>(header: &Header<A>) -> (Read, Option<Reason>) {
    let ports = has_ports(header.protocol).then_some((header.source_port, header.destination_port));
    let read = Read {
        source: header.source.into(),
        destination: header.destination.into(),
        protocol: header.protocol,
        ports,
        flags: header.tcp_flags,
    };
    (read, header.fault)
}

fn has_ports(protocol: u8) -> bool {
    matches!(protocol, 6 | 17 | 132)
}

/// What etherparse reads, and whether it understood the transport's header.
fn theirs(sliced: &SlicedPacket<'_>) -> Option<(Read, bool)> {
    let (source, destination, payload) = match sliced.net.as_ref()? {
        NetSlice::Ipv4(ip) => {
            let header = ip.header();
            (header.source_addr().into(), header.destination_addr().into(), ip.payload())
        }
        NetSlice::Ipv6(ip) => {
            let header = ip.header();
            (header.source_addr().into(), header.destination_addr().into(), ip.payload())
        }
        NetSlice::Arp(_) => return None,
    };
    let (ports, flags) = match &sliced.transport {
        Some(TransportSlice::Tcp(tcp)) => {
            let flags = tcp.slice().get(13).copied().unwrap_or_default();
            (Some((tcp.source_port(), tcp.destination_port())), flags)
        }
        Some(TransportSlice::Udp(udp)) => (Some((udp.source_port(), udp.destination_port())), 0),
        // Anything else has no ports.
        Some(_) | None => (None, 0),
    };
    let read = Read { source, destination, protocol: payload.ip_number.0, ports, flags };
    Some((read, sliced.transport.is_some() && !payload.fragmented))
}

/// Lengths that etherparse takes for "the rest of the slice", and that we take at their word.
fn lies_about_length(data: &[u8], sliced: &SlicedPacket<'_>) -> bool {
    let zero = match &sliced.net {
        Some(NetSlice::Ipv6(ip)) => ip.header().payload_length() == 0,
        Some(NetSlice::Ipv4(ip)) => usize::from(ip.header().total_len()) > data.len(),
        Some(NetSlice::Arp(_)) | None => false,
    };
    let udp = match &sliced.transport {
        Some(TransportSlice::Udp(udp)) => udp.length() < 8,
        _ => false,
    };
    zero || udp
}
