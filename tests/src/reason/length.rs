//! Truncated packets, and lengths that lie.

use std::net::IpAddr;

use enforcer::model::Direction::{Egress, Ingress};
use enforcer_common::Reason;

use super::{
    Case, Setting,
    bytes::{
        IP, LOCAL_V4, LOCAL_V6, PAIRS, REMOTE_V4, REMOTE_V6, UPPER_V4, UPPER_V6, allowed_datagram,
        allowed_syn, packet, patched, tcp, truncated,
    },
};
use crate::frame::{SctpChunk, TcpFlags, Transport, ethernet};

/// The cases of this file.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![ipv4(), options(), ipv6(), nothing_behind()];
    for pair in PAIRS {
        cases.extend([
            truncations(pair),
            tcp_header(pair),
            udp_length(pair),
            short_upper(pair),
            padded(pair),
        ]);
    }
    cases
}

fn ipv4() -> Case {
    let good = ethernet(&allowed_syn((LOCAL_V4, REMOTE_V4)));
    let bad = |offset, bytes: &[u8]| patched(good.clone(), IP + offset, bytes);
    Case::new(Setting::Isolated, "IPv4's version and lengths")
        .passes(Ingress, good.clone())
        .drops(Reason::Malformed, Ingress, bad(0, &[0x55]))
        .drops(Reason::Malformed, Ingress, bad(0, &[0x65]))
        // A header of fewer than five words, and one longer than the packet.
        .drops(Reason::Malformed, Ingress, bad(0, &[0x44]))
        .drops(Reason::Malformed, Ingress, bad(0, &[0x40]))
        .drops(Reason::Malformed, Ingress, bad(0, &[0x4f]))
        // A total length of more than there is, of less than the headers, and of nothing.
        .drops(Reason::Malformed, Ingress, bad(2, &[0, 41]))
        .drops(Reason::Malformed, Ingress, bad(2, &[0xff, 0xff]))
        .drops(Reason::Malformed, Ingress, bad(2, &[0, 39]))
        .drops(Reason::Malformed, Ingress, bad(2, &[0, 19]))
        .drops(Reason::Malformed, Ingress, bad(2, &[0, 0]))
}

/// The ports stand behind the options, and are found there.
fn options() -> Case {
    let with_option = |port: u8| {
        let good = ethernet(&tcp(Ingress, (LOCAL_V4, REMOTE_V4), port.into(), 40_000, TcpFlags::SYN));
        let (front, upper) = good.split_at(UPPER_V4);
        let front = patched(patched(front.to_vec(), IP, &[0x46]), IP + 2, &[0, 44]);
        [front, vec![1, 1, 1, 0], upper.to_vec()].concat()
    };
    Case::new(Setting::Isolated, "IPv4 options").passes(Ingress, with_option(80)).drops(
        Reason::Policy,
        Ingress,
        with_option(81),
    )
}

fn ipv6() -> Case {
    let good = ethernet(&allowed_syn((LOCAL_V6, REMOTE_V6)));
    let bad = |offset, bytes: &[u8]| patched(good.clone(), IP + offset, bytes);
    Case::new(Setting::Isolated, "IPv6's version and length")
        .passes(Ingress, good.clone())
        .drops(Reason::Malformed, Ingress, bad(0, &[0x40]))
        .drops(Reason::Malformed, Ingress, bad(4, &[0, 21]))
        .drops(Reason::Malformed, Ingress, bad(4, &[0xff, 0xff]))
        .drops(Reason::Malformed, Ingress, bad(4, &[0, 19]))
        .drops(Reason::Malformed, Ingress, bad(4, &[0, 0]))
}

/// Packets that end with their headers.
fn nothing_behind() -> Case {
    let ipv4 = ethernet(&packet(Egress, (LOCAL_V4, REMOTE_V4), Transport::Other { protocol: 253 }));
    let ipv4 = patched(truncated([ipv4, vec![0]].concat(), UPPER_V4), IP + 2, &[0, 20]);
    let addressed = ethernet(&packet(Egress, (LOCAL_V6, REMOTE_V6), Transport::Other { protocol: 59 }));
    let addressed = truncated([addressed, vec![0]].concat(), UPPER_V6);
    let ipv6 = |payload: &[u8], first: u8| {
        let length = u8::try_from(payload.len()).unwrap_or(u8::MAX);
        [&patched(addressed.clone(), IP + 4, &[0, length, first]), payload].concat()
    };
    // No next header (RFC 8200, section 4.7), also behind destination options; and options that are cut.
    let (none, options) = (59, 60);
    Case::new(Setting::Egress, "packets of headers only")
        .passes(Egress, ipv4)
        .passes(Egress, ipv6(&[], none))
        .passes(Egress, ipv6(&[none, 0, 0, 0, 0, 0, 0, 0], options))
        .drops(Reason::Malformed, Egress, ipv6(&[none, 0, 0, 0, 0, 0, 0], options))
}

/// A frame cut anywhere behind its Ethernet header.
fn truncations(pair: (IpAddr, IpAddr)) -> Case {
    let good = ethernet(&allowed_syn(pair));
    let mut case = Case::new(Setting::Isolated, "a cut frame").passes(Ingress, good.clone());
    for length in IP..good.len() {
        case = case.drops(Reason::Malformed, Ingress, truncated(good.clone(), length));
    }
    case
}

fn tcp_header(pair: (IpAddr, IpAddr)) -> Case {
    let good = ethernet(&allowed_syn(pair));
    let offset = upper(pair) + 12;
    Case::new(Setting::Isolated, "TCP's header length")
        .passes(Ingress, patched(good.clone(), offset, &[0x5f]))
        .drops(Reason::Malformed, Ingress, patched(good.clone(), offset, &[0x40]))
        .drops(Reason::Malformed, Ingress, patched(good.clone(), offset, &[0x00]))
        .drops(Reason::Malformed, Ingress, patched(good.clone(), offset, &[0x60]))
        .drops(Reason::Malformed, Ingress, patched(good, offset, &[0xf0]))
}

fn udp_length(pair: (IpAddr, IpAddr)) -> Case {
    let datagram = allowed_datagram(pair);
    let good = ethernet(&datagram);
    let with = |length: u8| patched(good.clone(), upper(pair) + 4, &[0, length]);
    let way = datagram.direction;
    Case::new(Setting::Isolated, "UDP's length")
        .passes(way, good.clone())
        // Shorter than the packet is odd but harmless; 0 is what segmentation offload leaves of a big one.
        .passes(way, with(8))
        .passes(way, with(0))
        .drops(Reason::Malformed, way, with(7))
        .drops(Reason::Malformed, way, with(17))
}

/// Upper-layer headers that end too soon although all lengths agree.
fn short_upper(pair: (IpAddr, IpAddr)) -> Case {
    let echo = if pair.0.is_ipv4() { 8 } else { 128 };
    let whole = [
        (Transport::Tcp { local: 80, remote: 1, flags: TcpFlags::SYN }, 20),
        (Transport::Udp { local: 80, remote: 1 }, 8),
        (Transport::Icmp { kind: echo, code: 0, identifier: 1 }, 8),
        (Transport::Sctp { local: 80, remote: 1, chunk: SctpChunk::INIT }, 16),
    ];
    let mut case = Case::new(Setting::Isolated, "upper-layer headers without their end");
    for (transport, needs) in whole {
        for length in 0..needs {
            let frame = truncated(ethernet(&packet(Ingress, pair, transport)), upper(pair) + length);
            case = case.drops(Reason::Malformed, Ingress, agreeing(frame, pair));
        }
    }
    case
}

/// The length fields set to what is there.
fn agreeing(frame: Vec<u8>, pair: (IpAddr, IpAddr)) -> Vec<u8> {
    let counted_from = if pair.0.is_ipv4() { IP } else { UPPER_V6 };
    let offset = if pair.0.is_ipv4() { IP + 2 } else { IP + 4 };
    let length = u16::try_from(frame.len() - counted_from).unwrap_or(u16::MAX).to_be_bytes();
    patched(frame, offset, &length)
}

/// Ethernet pads short frames: what follows the packet is not its.
fn padded(pair: (IpAddr, IpAddr)) -> Case {
    let frame = [ethernet(&allowed_syn(pair)), vec![0; 26]].concat();
    let longer = patched(frame.clone(), upper(pair) + 12, &[0x60]);
    Case::new(Setting::Isolated, "padding").passes(Ingress, frame).drops(Reason::Malformed, Ingress, longer)
}

fn upper(pair: (IpAddr, IpAddr)) -> usize {
    if pair.0.is_ipv4() { UPPER_V4 } else { UPPER_V6 }
}
