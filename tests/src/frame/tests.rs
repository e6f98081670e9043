//! Frames read back by somebody else's parser, and checksums against known values.

use std::net::IpAddr;

use enforcer::model::Direction;
use etherparse::{NetSlice, SlicedPacket, TransportSlice};

use super::{
    Content, Datagram, Extension, Fragment, Frame, IcmpError, Link, Packet, Quote, SctpChunk, Tag, TcpFlags,
    Transport, checksum, ethernet, ip,
};

fn packets(transport: Transport) -> Vec<Packet> {
    let mut packets = Vec::new();
    for (local, remote) in [("10.0.0.1", "192.0.2.200"), ("fd00::1", "2001:db8::ffff")] {
        for direction in Direction::ALL {
            let [local, remote] = [local, remote].map(|text| text.parse().expect("an IP address"));
            packets.push(Packet { direction, local, remote, transport });
        }
    }
    packets
}

fn addresses(net: &NetSlice<'_>) -> (IpAddr, IpAddr) {
    match net {
        NetSlice::Ipv4(slice) => {
            let header = slice.header();
            assert_eq!(header.header_checksum(), header.to_header().calc_header_checksum());
            (header.source_addr().into(), header.destination_addr().into())
        }
        NetSlice::Ipv6(slice) => {
            let header = slice.header();
            (header.source_addr().into(), header.destination_addr().into())
        }
        other => unreachable!("not IP: {other:?}"),
    }
}

/// The sum over pseudo header and segment, the checksum included, of a right segment is zero.
fn sums_to_zero(packet: &Packet) -> bool {
    let bytes = ip(packet);
    let segment = bytes.get(if packet.local.is_ipv4() { 20 } else { 40 }..).expect("a header");
    let pseudo = super::ip::pseudo_header(packet, segment.len());
    checksum::internet(&[&pseudo[..], segment].concat()) == [0, 0]
}

#[test]
fn tcp_is_read_back() {
    for flags in [TcpFlags::SYN, TcpFlags::SYN_ACK, TcpFlags::ACK, TcpFlags::RST, TcpFlags(0xff)] {
        for packet in packets(Transport::Tcp { local: 40000, remote: 443, flags }) {
            let frame = ethernet(&packet);
            let sliced = SlicedPacket::from_ethernet(&frame).expect("a packet");
            let net = sliced.net.as_ref().expect("IP");
            assert_eq!(addresses(net), (packet.source(), packet.destination()));
            let Some(TransportSlice::Tcp(tcp)) = sliced.transport else { unreachable!("not TCP") };
            assert_eq!(Some((tcp.source_port(), tcp.destination_port())), packet.ports());
            let read =
                [tcp.fin(), tcp.syn(), tcp.rst(), tcp.psh(), tcp.ack(), tcp.urg(), tcp.ece(), tcp.cwr()];
            let bits = (0..8).map(|bit| flags.0 >> bit & 1 == 1).collect::<Vec<_>>();
            assert_eq!(read.to_vec(), bits);
            let header = tcp.to_header();
            let sum = match net {
                NetSlice::Ipv4(v4) => header.calc_checksum_ipv4(&v4.header().to_header(), tcp.payload()),
                NetSlice::Ipv6(v6) => header.calc_checksum_ipv6(&v6.header().to_header(), tcp.payload()),
                other => unreachable!("not IP: {other:?}"),
            };
            assert_eq!(tcp.checksum(), sum.expect("a short segment"));
        }
    }
}

#[test]
fn udp_is_read_back() {
    for packet in packets(Transport::Udp { local: 53, remote: 40000 }) {
        let frame = ethernet(&packet);
        let sliced = SlicedPacket::from_ethernet(&frame).expect("a packet");
        let Some(TransportSlice::Udp(udp)) = sliced.transport else { unreachable!("not UDP") };
        assert_eq!(Some((udp.source_port(), udp.destination_port())), packet.ports());
        assert_eq!(usize::from(udp.length()), udp.slice().len());
        assert!(sums_to_zero(&packet));
    }
}

#[test]
fn icmp_is_read_back() {
    for packet in packets(Transport::Icmp { kind: 0, code: 0, identifier: 0x1234 }) {
        let kind = if packet.local.is_ipv4() { 8 } else { 128 };
        let packet = Packet { transport: Transport::Icmp { kind, code: 0, identifier: 0x1234 }, ..packet };
        assert!(packet.is_echo_request());
        let frame = ethernet(&packet);
        let sliced = SlicedPacket::from_ethernet(&frame).expect("a packet");
        match sliced.transport {
            Some(TransportSlice::Icmpv4(icmp)) => {
                let etherparse::Icmpv4Type::EchoRequest(echo) = icmp.icmp_type() else {
                    unreachable!("not an echo request")
                };
                assert_eq!(echo.id, 0x1234);
                assert_eq!(checksum::internet(icmp.slice()), [0, 0]);
            }
            Some(TransportSlice::Icmpv6(icmp)) => {
                let etherparse::Icmpv6Type::EchoRequest(echo) = icmp.icmp_type() else {
                    unreachable!("not an echo request")
                };
                assert_eq!(echo.id, 0x1234);
                assert!(sums_to_zero(&packet));
            }
            other => unreachable!("not ICMP: {other:?}"),
        }
    }
}

#[test]
fn sctp_and_others_have_their_lengths_and_numbers() {
    for chunk in (0..=255).map(SctpChunk) {
        for packet in packets(Transport::Sctp { local: 7, remote: 9000, chunk }) {
            let bytes = ip(&packet);
            let segment = bytes.get(if packet.local.is_ipv4() { 20 } else { 40 }..).expect("a header");
            let (source, destination) = packet.ports().expect("SCTP has ports");
            assert_eq!(segment.get(..2), Some(&source.to_be_bytes()[..]));
            assert_eq!(segment.get(2..4), Some(&destination.to_be_bytes()[..]));
            assert_eq!(segment.get(12), Some(&chunk.0));
            let length = u16::try_from(segment.len() - 12).expect("short").to_be_bytes();
            assert_eq!(segment.get(14..16), Some(&length[..]));
        }
    }
    for packet in packets(Transport::Other { protocol: 50 }) {
        let frame = ethernet(&packet);
        let sliced = SlicedPacket::from_ethernet(&frame).expect("a packet");
        let number =
            sliced.net.as_ref().and_then(|net| net.ip_payload_ref()).map(|payload| payload.ip_number);
        assert_eq!(number, Some(etherparse::IpNumber(50)));
        assert!(sliced.transport.is_none());
    }
}

#[test]
fn known_checksums() {
    // RFC 1071, section 3, and the check value of CRC-32C.
    assert_eq!(checksum::internet(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), [0x22, 0x0d]);
    assert_eq!(checksum::internet(&[0x12]), [0xed, 0xff]);
    assert_eq!(checksum::crc32c(b"123456789"), 0xe306_9283_u32.to_le_bytes());
}

fn datagrams() -> Vec<Datagram> {
    let mut all = Vec::new();
    for transport in [
        Transport::Tcp { local: 40000, remote: 443, flags: TcpFlags::SYN },
        Transport::Udp { local: 53, remote: 40000 },
        Transport::Icmp { kind: 3, code: 4, identifier: 0 },
    ] {
        for packet in packets(transport) {
            all.push(Datagram { payload: 75, ..Datagram::new(packet) });
        }
    }
    all
}

#[test]
fn headers_in_front_are_skipped_by_others_too() {
    let chain = vec![
        Extension::HopByHop(2),
        Extension::Destination(1),
        Extension::Routing(1),
        Extension::Authentication(3),
        Extension::Atomic(7),
    ];
    for datagram in datagrams() {
        let ports = datagram.packet.ports();
        let dressed = if datagram.is_ipv4() {
            Datagram { options: 10, ..datagram }
        } else {
            Datagram { extensions: chain.clone(), ..datagram }
        };
        for tags in [vec![], vec![Tag::Customer], vec![Tag::Service, Tag::Customer]] {
            let count = tags.len();
            let frame = Frame { tags, ..Frame::whole(dressed.clone()) }.bytes();
            let sliced = SlicedPacket::from_ethernet(&frame).expect("a packet");
            assert_eq!(sliced.link_exts.len(), count);
            match sliced.transport.expect("a transport") {
                TransportSlice::Tcp(tcp) => {
                    assert_eq!(Some((tcp.source_port(), tcp.destination_port())), ports);
                }
                TransportSlice::Udp(udp) => {
                    assert_eq!(Some((udp.source_port(), udp.destination_port())), ports);
                }
                TransportSlice::Icmpv4(icmp) => assert_eq!(checksum::internet(icmp.slice()), [0, 0]),
                TransportSlice::Icmpv6(_) | TransportSlice::Igmp(_) => {}
            }
        }
    }
}

#[test]
fn fragments_make_up_their_packet() {
    for datagram in datagrams() {
        let whole = datagram.fragmentable();
        let mut together: Vec<u8> = Vec::new();
        for fragment in Fragment::split(&datagram, 0x1234_5678, &[16, 64]) {
            let frame = Frame::fragment(fragment).bytes();
            let sliced = SlicedPacket::from_ethernet(&frame).expect("a packet");
            let net = sliced.net.expect("IP");
            let payload = net.ip_payload_ref().expect("a payload");
            assert!(payload.fragmented);
            match &net {
                NetSlice::Ipv4(v4) => {
                    let header = v4.header();
                    assert_eq!(usize::from(header.fragments_offset().value()) * 8, together.len());
                    assert_eq!(header.identification(), 0x5678);
                    assert_eq!(header.header_checksum(), header.to_header().calc_header_checksum());
                }
                NetSlice::Ipv6(_) => {
                    assert_eq!(frame.get(14 + 44..14 + 48), Some(&[0x12, 0x34, 0x56, 0x78][..]));
                }
                other => unreachable!("not IP: {other:?}"),
            }
            together.extend(payload.payload);
        }
        assert_eq!(together, whole);
    }
}

#[test]
fn messages_of_icmpv6_have_right_checksums() {
    let target = "fd00::1".parse().expect("an IP address");
    let links = (133..=137).map(|kind| Link::Discovery { kind, target });
    for link in links.chain([130, 131, 132, 143].map(|kind| Link::Mld { kind })) {
        for packet in packets(Transport::Other { protocol: 58 }) {
            if packet.local.is_ipv6() {
                let message = Datagram::new(packet).with_link(link).upper_bytes();
                let pseudo = super::ip::pseudo_header(&packet, message.len());
                assert_eq!(checksum::internet(&[&pseudo[..], &message].concat()), [0, 0], "{link:?}");
            }
        }
    }
}

#[test]
fn errors_quote_the_start_of_a_packet() {
    for datagram in datagrams() {
        let (family, about) = (datagram.is_ipv4(), datagram.packet.reversed());
        let original = super::datagram::bytes(&datagram);
        let header = if family { 20 } else { 40 };
        let quote = Quote::Packet(Box::new(Content::Whole(datagram)), 8);
        let kind = if family { 3 } else { 1 };
        let error = Datagram::new(about).with_error(IcmpError { kind, code: 1, quote });
        let bytes = error.upper_bytes();
        assert_eq!(bytes.first(), Some(&kind));
        assert_eq!(bytes.get(8..), original.get(..header + 8));
    }
}
