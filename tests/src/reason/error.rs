//! ICMP errors: they follow the flow that they quote, and change nothing.

use std::net::IpAddr;

use enforcer::model::Direction::{Egress, Ingress};
use enforcer_common::Reason;

use super::{
    Case,
    Sender::{Elsewhere, Node, OtherPod, Own},
    Setting,
    bytes::{PAIRS, UPPER_V4, UPPER_V6, allowed_datagram, allowed_syn, packet, patched, tcp},
};
use crate::frame::{
    Content, Datagram, Extension, Fragment, Frame, IcmpError, Packet, Quote, TcpFlags, Transport,
};

/// The cases of this file.
pub(super) fn cases() -> Vec<Case> {
    let of_pair = |pair| {
        [
            path_mtu(pair),
            kinds(pair),
            from_pod(pair),
            forged(pair),
            quoted_headers(pair),
            echo(pair),
            node(pair),
            fragments(pair),
        ]
    };
    PAIRS.into_iter().flat_map(of_pair).collect()
}

/// Somebody on the way.
fn router(is_ipv4: bool) -> IpAddr {
    if is_ipv4 { [203, 0, 113, 1].into() } else { [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into() }
}

/// "Too big" of a router about a packet, which travels against it.
fn too_big(about: Packet, content: Content, kept: usize) -> Datagram {
    let is_ipv4 = about.local.is_ipv4();
    let (kind, code) = if is_ipv4 { (3, 4) } else { (2, 0) };
    let quote = Quote::Packet(Box::new(content), kept);
    let packet = Packet { remote: router(is_ipv4), ..about.reversed() };
    Datagram::new(packet).with_error(IcmpError { kind, code, quote })
}

fn about(packet: Packet) -> Datagram {
    too_big(packet, Content::Whole(Datagram::new(packet)), 8)
}

fn path_mtu(pair: (IpAddr, IpAddr)) -> Case {
    let (there, syn) = (allowed_datagram(pair), allowed_syn(pair));
    Case::new(Setting::Isolated, "path MTU discovery works where ICMP is denied")
        .frame_drops(Reason::Policy, Elsewhere, &Frame::whole(about(there)))
        .packet_passes(Elsewhere, there)
        .frame_passes(Elsewhere, &Frame::whole(about(there)))
        .packet_passes(Elsewhere, syn)
        .frame_passes(Elsewhere, &Frame::whole(about(tcp(Egress, pair, 80, 40_000, TcpFlags::SYN_ACK))))
}

fn kinds(pair: (IpAddr, IpAddr)) -> Case {
    let there = allowed_datagram(pair);
    let of_kind = |kind| {
        let quote = Quote::Packet(Box::new(Content::Whole(Datagram::new(there))), 8);
        Frame::whole(Datagram::new(there.reversed()).with_error(IcmpError { kind, code: 0, quote }))
    };
    let (errors, others): (&[u8], &[u8]) = if pair.0.is_ipv4() {
        (&[3, 4, 11, 12], &[5, 6, 13, 16, 19])
    } else {
        (&[1, 2, 3, 4], &[0, 5, 16, 17, 127, 139])
    };
    let mut case =
        Case::new(Setting::Isolated, "which ICMP types are errors").packet_passes(Elsewhere, there);
    for kind in errors {
        case = case.frame_passes(Elsewhere, &of_kind(*kind));
    }
    for kind in others {
        case = case.frame_drops(Reason::Policy, Elsewhere, &of_kind(*kind));
    }
    case
}

/// "Port unreachable" of the pod, about what reached it.
fn from_pod(pair: (IpAddr, IpAddr)) -> Case {
    let syn = allowed_syn(pair);
    let other = tcp(Ingress, pair, 80, 40_001, TcpFlags::SYN);
    let unreachable = |packet: Packet| {
        let (kind, code) = if pair.0.is_ipv4() { (3, 3) } else { (1, 4) };
        let quote = Quote::Packet(Box::new(Content::Whole(Datagram::new(packet))), 20);
        Frame::whole(Datagram::new(packet.reversed()).with_error(IcmpError { kind, code, quote }))
    };
    // To somebody whom the rules deny, about a packet of somebody else's.
    let mut to_another = unreachable(syn);
    if let Content::Whole(datagram) = &mut to_another.content {
        datagram.packet.remote = router(pair.0.is_ipv4());
    }
    Case::new(Setting::Isolated, "errors of the pod's")
        .packet_passes(Elsewhere, syn)
        .frame_passes(Elsewhere, &unreachable(syn))
        .frame_drops(Reason::Policy, Elsewhere, &to_another)
        .frame_drops(Reason::Policy, Elsewhere, &unreachable(other))
}

/// Errors that quote what did not happen.
fn forged(pair: (IpAddr, IpAddr)) -> Case {
    let there = allowed_datagram(pair);
    let whole = || Content::Whole(Datagram::new(there));
    let mut to_another = about(there);
    to_another.packet.local =
        if pair.0.is_ipv4() { [224, 0, 0, 1].into() } else { [0xff02, 0, 0, 0, 0, 0, 0, 1].into() };
    let mut garbage = about(there);
    garbage = garbage.with_error(IcmpError {
        kind: if pair.0.is_ipv4() { 3 } else { 1 },
        code: 0,
        quote: Quote::Garbage(vec![0x45; 48]),
    });
    let elsewhere = packet(Egress, pair, Transport::Udp { local: 5354, remote: 53 });
    Case::new(Setting::Isolated, "errors that quote no flow of the pod's")
        .packet_passes(Elsewhere, there)
        .frame_drops(Reason::Policy, Elsewhere, &Frame::whole(about(elsewhere)))
        .frame_drops(Reason::Policy, Elsewhere, &Frame::whole(to_another))
        .frame_drops(Reason::Policy, Elsewhere, &Frame::whole(garbage))
        .frame_drops(Reason::Policy, Elsewhere, &Frame::whole(too_big(there, whole(), 7)))
        .frame_drops(Reason::Policy, Elsewhere, &Frame::whole(too_big(there, whole(), 0)))
        .frame_passes(Elsewhere, &Frame::whole(about(there)))
        // None of them has opened anything.
        .packet_drops(Reason::Policy, Elsewhere, elsewhere.reversed())
}

fn quoted_headers(pair: (IpAddr, IpAddr)) -> Case {
    let there = allowed_datagram(pair);
    let plain = Datagram { payload: 40, ..Datagram::new(there) };
    let quoting = |content| Frame::whole(too_big(there, content, 8));
    let first = Fragment::first(plain.clone(), 5, 16);
    let mut case =
        Case::new(Setting::Isolated, "headers of the quoted packet").packet_passes(Elsewhere, there);
    if pair.0.is_ipv4() {
        for options in [1, 5, 10] {
            let quoted = Datagram { options, ..plain.clone() };
            case = case.frame_passes(Elsewhere, &quoting(Content::Whole(quoted)));
        }
    } else {
        let with = |extensions| Content::Whole(Datagram { extensions, ..plain.clone() });
        case = case
            .frame_passes(Elsewhere, &quoting(with(vec![Extension::Atomic(1)])))
            .frame_drops(Reason::Policy, Elsewhere, &quoting(with(vec![Extension::Destination(1)])))
            .frame_drops(Reason::Policy, Elsewhere, &quoting(with(vec![Extension::Atomic(1); 2])));
    }
    // Whatever stands there, it is no packet of another version of IP.
    let upper = if pair.0.is_ipv4() { UPPER_V4 } else { UPPER_V6 };
    let other = if pair.0.is_ipv4() { 0x65 } else { 0x45 };
    let misread = patched(Frame::whole(about(there)).bytes(), upper + 8, &[other]);
    // Nor has a later fragment ports, whatever stands where a first one has them.
    if pair.0.is_ipv4() {
        let later = patched(Frame::whole(about(there)).bytes(), upper + 8 + 6, &[0, 2]);
        case = case.drops(Reason::Policy, Ingress, later);
    }
    case.drops(Reason::Policy, Ingress, misread)
        .frame_passes(Elsewhere, &quoting(Content::Fragment(first.clone())))
        .frame_drops(Reason::Policy, Elsewhere, &quoting(Content::Fragment(first.later(16, 32, true))))
}

/// An echo is known by its identifier and by who asked. Only the node can ask here.
fn echo(pair: (IpAddr, IpAddr)) -> Case {
    let (request, reply) = if pair.0.is_ipv4() { (8, 0) } else { (128, 129) };
    let message = |kind, identifier| packet(Egress, pair, Transport::Icmp { kind, code: 0, identifier });
    Case::new(Setting::DenyAll, "errors about an echo")
        .packet_passes(Node, message(request, 7).reversed())
        .packet_passes(Elsewhere, message(reply, 7))
        .frame_passes(Node, &Frame::whole(about(message(reply, 7))))
        .frame_drops(Reason::Policy, Elsewhere, &Frame::whole(about(message(reply, 7))))
        .frame_drops(Reason::Policy, Elsewhere, &Frame::whole(about(message(reply, 8))))
        .frame_drops(Reason::Policy, Elsewhere, &Frame::whole(about(message(request, 7))))
}

/// A flow that was allowed for its origin: errors from the pod pass, those towards it prove the same origin.
fn node(pair: (IpAddr, IpAddr)) -> Case {
    let syn = tcp(Ingress, pair, 8080, 50_000, TcpFlags::SYN);
    let towards = Frame::whole(about(tcp(Egress, pair, 8080, 50_000, TcpFlags::SYN_ACK)));
    let mut from = about(syn);
    from.packet.remote = pair.1;
    let from = Frame::whole(from);
    Case::new(Setting::DenyAll, "errors about the node's connection")
        .frame_drops(Reason::Policy, Elsewhere, &from)
        .packet_passes(Node, syn)
        .frame_passes(Elsewhere, &from)
        .frame_drops(Reason::Policy, Elsewhere, &towards)
        .frame_drops(Reason::Policy, OtherPod, &towards)
        .frame_passes(Node, &towards)
        // "above every tier": the pod itself needs no flow for what it sends to itself.
        .frame_passes(Own, &towards)
}

/// "A first fragment of an error is an error; its later fragments follow it".
fn fragments(pair: (IpAddr, IpAddr)) -> Case {
    let there = allowed_datagram(pair);
    let error = too_big(there, Content::Whole(Datagram { payload: 64, ..Datagram::new(there) }), 64);
    let parts = Fragment::split(&error, 3, &[64, 80]);
    let mut case = Case::new(Setting::Isolated, "an error in fragments");
    for part in &parts {
        case = case.frame_drops(Reason::Policy, Elsewhere, &Frame::fragment(part.clone()));
    }
    case = case.packet_passes(Elsewhere, there);
    for part in parts {
        case = case.frame_passes(Elsewhere, &Frame::fragment(part));
    }
    case
}
