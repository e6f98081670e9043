//! Parts of packets that come one after the other: later ones have the first one's fate.

use std::net::{IpAddr, Ipv6Addr};

use enforcer::model::Direction::{self, Egress, Ingress};
use enforcer_common::Reason;

use super::{
    Case,
    Sender::{self, Elsewhere, Node, OtherPod, Own},
    Setting,
    bytes::{LOCAL_V6, PAIRS, REMOTE_V6, UPPER_V4, UPPER_V6, packet, patched, tcp},
};
use crate::frame::{Datagram, Extension, Fragment, Frame, Link, SctpChunk, TcpFlags, Transport};

/// The cases of this file.
pub(super) fn cases() -> Vec<Case> {
    let of_pair = |pair| {
        [
            follows(pair),
            order(pair),
            denied(pair),
            overwritten(pair),
            tiny(pair),
            headers(pair),
            overlap(pair),
            datagram(pair),
            addresses(pair),
            open(pair),
            origin(pair, Node),
            origin(pair, Own),
        ]
    };
    let mut cases: Vec<Case> = PAIRS.into_iter().flat_map(of_pair).collect();
    cases.extend([protocol(), unequal(), second_header(), behind_headers(), far_in(), discovery()]);
    cases
}

/// A SYN with data, which the rules allow to port 80.
fn whole(pair: (IpAddr, IpAddr), port: u16) -> Datagram {
    let syn = tcp(Ingress, pair, port, 40_000, TcpFlags::SYN);
    Datagram { payload: 64, ..Datagram::new(syn) }
}

fn first(pair: (IpAddr, IpAddr), port: u16) -> Fragment {
    Fragment::first(whole(pair, port), 7, 24)
}

fn later(first: &Fragment, from: usize) -> Frame {
    Frame::fragment(first.later(from, from + 8, true))
}

/// A datagram of the pod's, which the rules allow to port 53.
fn query(pair: (IpAddr, IpAddr), port: u16) -> Datagram {
    let transport = Transport::Udp { local: 5353, remote: port };
    Datagram { payload: 64, ..Datagram::new(packet(Egress, pair, transport)) }
}

fn follows(pair: (IpAddr, IpAddr)) -> Case {
    let first = first(pair, 80);
    let another = Fragment { identification: 8, ..first.clone() };
    let mut way_round = first.clone();
    way_round.whole.packet = way_round.whole.packet.reversed();
    Case::new(Setting::Isolated, "later fragments follow their first one")
        .frame_passes(Elsewhere, &Frame::fragment(first.clone()))
        .frame_passes(Elsewhere, &later(&first, 24))
        .frame_passes(Elsewhere, &Frame::fragment(first.later(32, 84, false)))
        // Another identification, and the same one the other way.
        .frame_drops(Reason::Fragment, Elsewhere, &later(&another, 24))
        .frame_drops(Reason::Fragment, Elsewhere, &later(&way_round, 24))
        // The first one opened its flow: the answer passes.
        .packet_passes(Elsewhere, tcp(Egress, pair, 80, 40_000, TcpFlags::SYN_ACK))
}

fn order(pair: (IpAddr, IpAddr)) -> Case {
    let first = first(pair, 80);
    Case::new(Setting::Isolated, "a later fragment before its first one")
        .frame_drops(Reason::Fragment, Elsewhere, &later(&first, 24))
        .frame_passes(Elsewhere, &Frame::fragment(first.clone()))
        .frame_passes(Elsewhere, &later(&first, 24))
        // Order among themselves does not matter.
        .frame_passes(Elsewhere, &later(&first, 64))
        .frame_passes(Elsewhere, &later(&first, 32))
}

fn denied(pair: (IpAddr, IpAddr)) -> Case {
    let first = first(pair, 81);
    Case::new(Setting::Isolated, "later fragments of a denied packet are denied for its reason")
        .frame_drops(Reason::Policy, Elsewhere, &Frame::fragment(first.clone()))
        .frame_drops(Reason::Policy, Elsewhere, &later(&first, 24))
        .frame_drops(Reason::Policy, Elsewhere, &later(&first, 48))
        .frame_passes(Node, &later(&first, 48))
}

fn overwritten(pair: (IpAddr, IpAddr)) -> Case {
    let (good, bad) = (first(pair, 80), first(pair, 81));
    Case::new(Setting::Isolated, "a new first fragment overwrites, with a deny too")
        .frame_passes(Elsewhere, &Frame::fragment(good.clone()))
        .frame_passes(Elsewhere, &later(&good, 24))
        .frame_drops(Reason::Policy, Elsewhere, &Frame::fragment(bad.clone()))
        .frame_drops(Reason::Policy, Elsewhere, &later(&good, 24))
        .frame_passes(Elsewhere, &Frame::fragment(good.clone()))
        .frame_passes(Elsewhere, &later(&bad, 24))
}

fn tiny(pair: (IpAddr, IpAddr)) -> Case {
    let good = first(pair, 80);
    let mut case = Case::new(Setting::Isolated, "a first fragment without its whole transport header");
    for to in [8, 16] {
        let tiny = Fragment { to, ..good.clone() };
        case = case
            .frame_passes(Elsewhere, &Frame::fragment(good.clone()))
            .frame_drops(Reason::Fragment, Elsewhere, &Frame::fragment(tiny))
            // It has overwritten what was remembered.
            .frame_drops(Reason::Fragment, Elsewhere, &later(&good, 24));
    }
    case.frame_passes(Elsewhere, &Frame::fragment(good.clone())).frame_passes(Elsewhere, &later(&good, 24))
}

/// SCTP's header with its first chunk, and TCP's options. (Eight bytes, UDP's and ICMP's, are the shortest fragment.)
fn headers(pair: (IpAddr, IpAddr)) -> Case {
    let first = |transport, to| {
        let whole = Datagram { payload: 64, ..Datagram::new(packet(Ingress, pair, transport)) };
        Frame::fragment(Fragment::first(whole, 12, to))
    };
    let sctp = Transport::Sctp { local: 80, remote: 40_000, chunk: SctpChunk::INIT };
    let echo = Transport::Icmp { kind: if pair.0.is_ipv4() { 8 } else { 128 }, code: 0, identifier: 1 };
    let segment = Transport::Tcp { local: 80, remote: 40_000, flags: TcpFlags::SYN };
    // Eight words: twelve bytes of options.
    let upper = if pair.0.is_ipv4() { UPPER_V4 } else { UPPER_V6 + 8 };
    let with_options = |to| patched(first(segment, to).bytes(), upper + 12, &[0x80]);
    Case::new(Setting::Isolated, "how much of its transport header a first fragment has")
        .frame_drops(Reason::Fragment, Elsewhere, &first(sctp, 8))
        .frame_drops(Reason::Policy, Elsewhere, &first(sctp, 16))
        .frame_drops(Reason::Policy, Elsewhere, &first(echo, 8))
        .drops(Reason::Fragment, Ingress, with_options(24))
        .passes(Ingress, with_options(32))
}

fn overlap(pair: (IpAddr, IpAddr)) -> Case {
    let first = first(pair, 80);
    Case::new(Setting::Isolated, "a later fragment that reaches into the transport header")
        .frame_passes(Elsewhere, &Frame::fragment(first.clone()))
        .frame_drops(Reason::Fragment, Elsewhere, &later(&first, 8))
        .frame_drops(Reason::Fragment, Elsewhere, &later(&first, 16))
        .frame_passes(Elsewhere, &later(&first, 24))
}

/// UDP's header is as short as a fragment, and its length is the whole datagram's.
fn datagram(pair: (IpAddr, IpAddr)) -> Case {
    let good = Fragment::first(query(pair, 53), 9, 8);
    let bad = Fragment::first(query(pair, 54), 10, 8);
    Case::new(Setting::Isolated, "fragments of a datagram of the pod's")
        .frame_passes(Elsewhere, &Frame::fragment(good.clone()))
        .frame_passes(Elsewhere, &later(&good, 8))
        .frame_drops(Reason::Policy, Elsewhere, &Frame::fragment(bad.clone()))
        .frame_drops(Reason::Policy, Elsewhere, &later(&bad, 8))
        .packet_passes(Elsewhere, packet(Ingress, pair, Transport::Udp { local: 5353, remote: 53 }))
}

/// Own addresses are checked first.
fn addresses((local, remote): (IpAddr, IpAddr)) -> Case {
    let foreign: IpAddr =
        if local.is_ipv4() { [10, 0, 0, 9].into() } else { [0xfd00, 0, 0, 0, 0, 0, 0, 9].into() };
    let mut case = Case::new(Setting::Isolated, "fragments with somebody else's address");
    for (way, reason) in [(Egress, Reason::Spoofed), (Ingress, Reason::NotMine)] {
        let part = |local, way: Direction| {
            let mut first = Fragment::first(query((local, remote), 53), 11, 8);
            first.whole.packet.direction = way;
            first
        };
        case = case.frame_drops(reason, Elsewhere, &Frame::fragment(part(foreign, way))).frame_drops(
            reason,
            Elsewhere,
            &later(&part(foreign, way), 8),
        );
    }
    let good = Fragment::first(query((local, remote), 53), 11, 8);
    case.frame_passes(Elsewhere, &Frame::fragment(good.clone())).frame_passes(Elsewhere, &later(&good, 8))
}

fn open(pair: (IpAddr, IpAddr)) -> Case {
    let first = first(pair, 81);
    let tiny = Fragment { to: 8, ..first.clone() };
    Case::new(Setting::Open, "fragments where there are no rules")
        .frame_passes(Elsewhere, &later(&first, 24))
        .frame_passes(Elsewhere, &Frame::fragment(tiny))
        .frame_passes(Elsewhere, &later(&first, 8))
        .frame_passes(Elsewhere, &Frame::fragment(first.clone()))
        .frame_passes(Elsewhere, &later(&first, 24))
}

/// An origin is never inherited: each fragment proves it.
fn origin(pair: (IpAddr, IpAddr), sender: Sender) -> Case {
    let first = first(pair, 8080);
    Case::new(Setting::DenyAll, "an origin is not inherited by later fragments")
        .frame_passes(sender, &later(&first, 24))
        .frame_passes(sender, &Frame::fragment(first.clone()))
        .frame_passes(sender, &later(&first, 24))
        .frame_drops(Reason::Fragment, Elsewhere, &later(&first, 24))
        .frame_drops(Reason::Fragment, OtherPod, &later(&first, 24))
}

/// IPv4 numbers the datagrams of each protocol for itself.
fn protocol() -> Case {
    let [pair, _] = PAIRS;
    let first = first(pair, 80);
    let mut other = first.clone();
    other.whole.packet.transport = Transport::Other { protocol: 50 };
    Case::new(Setting::Isolated, "an IPv4 fragment of another protocol")
        .frame_passes(Elsewhere, &Frame::fragment(first.clone()))
        .frame_drops(Reason::Fragment, Elsewhere, &later(&other, 24))
        .frame_passes(Elsewhere, &later(&first, 24))
}

/// RFC 8200, section 4.5: only the first fragment's headers and next header count.
fn unequal() -> Case {
    let first = first((LOCAL_V6, REMOTE_V6), 80);
    let mut case = Case::new(Setting::Isolated, "IPv6 fragments whose headers are not alike")
        .frame_passes(Elsewhere, &Frame::fragment(first.clone()));
    for next_header in [0, 17, 43, 44, 58, 135, 253] {
        let other = Fragment { next_header: Some(next_header), ..first.clone() };
        case = case.frame_passes(Elsewhere, &later(&other, 24));
    }
    for front in [vec![Extension::HopByHop(1)], vec![Extension::Destination(2), Extension::Routing(1)]] {
        let other = Fragment { front, ..first.clone() };
        case = case.frame_passes(Elsewhere, &later(&other, 24));
    }
    let hidden = Fragment { front: vec![Extension::Mobility], ..first };
    case.frame_drops(Reason::ExtensionHeader, Elsewhere, &later(&hidden, 24))
}

fn second_header() -> Case {
    let first = first((LOCAL_V6, REMOTE_V6), 80);
    let front = Fragment { front: vec![Extension::Atomic(7)], ..first.clone() };
    let mut behind = first.clone();
    behind.whole.extensions = vec![Extension::Atomic(7)];
    behind.to = 32;
    let twice = Datagram { extensions: vec![Extension::Atomic(1); 2], ..whole((LOCAL_V6, REMOTE_V6), 80) };
    let once = Datagram { extensions: vec![Extension::Atomic(1)], ..twice.clone() };
    Case::new(Setting::Isolated, "a second fragment header")
        .frame_drops(Reason::ExtensionHeader, Elsewhere, &Frame::fragment(front.clone()))
        .frame_drops(Reason::ExtensionHeader, Elsewhere, &later(&front, 24))
        .frame_drops(Reason::ExtensionHeader, Elsewhere, &Frame::fragment(behind))
        .frame_drops(Reason::ExtensionHeader, Elsewhere, &Frame::whole(twice))
        .frame_passes(Elsewhere, &Frame::whole(once))
}

/// Headers between the fragment header and the transport count.
fn behind_headers() -> Case {
    let mut first = first((LOCAL_V6, REMOTE_V6), 80);
    first.whole.extensions = vec![Extension::Destination(2)];
    first.to = 40;
    let tiny = Fragment { to: 32, ..first.clone() };
    let cut = Fragment { to: 8, ..first.clone() };
    Case::new(Setting::Isolated, "IPv6 fragments with headers in front of the transport")
        .frame_drops(Reason::Fragment, Elsewhere, &Frame::fragment(tiny))
        .frame_drops(Reason::Fragment, Elsewhere, &Frame::fragment(cut))
        .frame_passes(Elsewhere, &Frame::fragment(first.clone()))
        .frame_drops(Reason::Fragment, Elsewhere, &later(&first, 24))
        .frame_drops(Reason::Fragment, Elsewhere, &later(&first, 32))
        .frame_passes(Elsewhere, &later(&first, 40))
}

/// Where the transport header ends is remembered as a number below 2048.
fn far_in() -> Case {
    let behind = |units: u8| {
        let mut first = first((LOCAL_V6, REMOTE_V6), 80);
        first.whole.extensions = vec![Extension::Destination(units)];
        first.to = usize::from(units) * 8 + 24;
        first
    };
    // TCP's twenty bytes end at 2044, and at 2052.
    let (near, far) = (behind(253), behind(254));
    Case::new(Setting::Isolated, "a first fragment whose transport header ends far in")
        .frame_passes(Elsewhere, &Frame::fragment(near.clone()))
        .frame_passes(Elsewhere, &later(&near, 2048))
        .frame_drops(Reason::Fragment, Elsewhere, &Frame::fragment(far.clone()))
        .frame_drops(Reason::Fragment, Elsewhere, &later(&far, 2056))
}

/// Also where no rule would drop it.
fn discovery() -> Case {
    let group = [0xff02, 0, 0, 0, 0, 0, 0, 1].into();
    let plain = packet(Egress, (LOCAL_V6, group), Transport::Other { protocol: 0 });
    let first = |kind, hop_limit| {
        let link = Link::Discovery { kind, target: Ipv6Addr::UNSPECIFIED };
        let whole = Datagram { hop_limit, payload: 64, ..Datagram::new(plain).with_link(link) };
        Frame::fragment(Fragment::first(whole, 13, 8))
    };
    let mut case = Case::new(Setting::Open, "a router advertisement or redirect that is cut");
    for hop_limit in [255, 64] {
        for kind in [134, 137] {
            case = case.frame_drops(Reason::Spoofed, Elsewhere, &first(kind, hop_limit));
        }
        case = case.frame_passes(Elsewhere, &first(128, hop_limit));
    }
    case
}
