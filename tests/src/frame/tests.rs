//! Frames read back by somebody else's parser, and checksums against known values.

use std::net::IpAddr;

use enforcer::model::Direction;
use etherparse::{NetSlice, SlicedPacket, TransportSlice};

use super::{Packet, SctpChunk, TcpFlags, Transport, checksum, ethernet, ip};

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
