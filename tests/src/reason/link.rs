//! A pod speaks for itself only: sources, ARP, neighbour discovery, membership reports.

use std::net::{IpAddr, Ipv6Addr};

use enforcer::model::Direction::{self, Egress, Ingress};
use enforcer_common::Reason;

use super::{
    Case, Sender, Setting,
    bytes::{IP, PAIRS, UPPER_V4, allowed_datagram, icmpv6, packet, patched, raw},
};
use crate::frame::{Transport, ethernet};

const OWN: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const FOREIGN: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 9);
/// Before an address is known to be unique.
const NOBODY: Ipv6Addr = Ipv6Addr::UNSPECIFIED;
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
const REDIRECT: u8 = 137;

/// The cases of this file.
pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = PAIRS.into_iter().map(source).collect();
    // The same under the strictest policy: none of this is a policy's business.
    cases.extend([arp(), arp_malformed(), from_routers(), link_local(), towards_the_pod()]);
    cases.extend([solicitations(), advertisements(), membership_v6(), membership_v4()]);
    cases
}

fn source((local, remote): (IpAddr, IpAddr)) -> Case {
    let foreign: IpAddr = if local.is_ipv4() { [10, 0, 0, 9].into() } else { FOREIGN.into() };
    let mut case = Case::new(Setting::Isolated, "another's source address")
        .packet_drops(Reason::Spoofed, Sender::Elsewhere, allowed_datagram((foreign, remote)))
        // No proof of origin counts for what a pod sends.
        .packet_drops(Reason::Spoofed, Sender::Own, allowed_datagram((foreign, remote)))
        .packet_drops(Reason::Spoofed, Sender::Node, allowed_datagram((foreign, remote)))
        .packet_passes(Sender::Elsewhere, allowed_datagram((local, remote)));
    if local.is_ipv6() {
        // Link-local sources are for the link's own traffic.
        case = case.packet_drops(
            Reason::Spoofed,
            Sender::Elsewhere,
            allowed_datagram((LINK_LOCAL.into(), remote)),
        );
    }
    case
}

/// An ARP packet's content: a request or reply with this sender.
fn arp_frame(direction: Direction, sender: [u8; 4]) -> Vec<u8> {
    let fixed = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1];
    raw(direction, 0x0806, &[&fixed[..], &sender, &[0; 6], &[169, 254, 1, 1]].concat())
}

fn arp() -> Case {
    Case::new(Setting::DenyAll, "ARP")
        .passes(Egress, arp_frame(Egress, [10, 0, 0, 1]))
        .drops(Reason::Spoofed, Egress, arp_frame(Egress, [10, 0, 0, 2]))
        // A probe: nobody's address yet.
        .passes(Egress, arp_frame(Egress, [0; 4]))
        .passes(Ingress, arp_frame(Ingress, [10, 0, 0, 2]))
}

fn arp_malformed() -> Case {
    let whole = arp_frame(Egress, [10, 0, 0, 1]);
    let short = whole.get(..IP + 17).unwrap_or_default().to_vec();
    Case::new(Setting::DenyAll, "ARP that is too short, or for another network layer")
        .drops(Reason::Malformed, Egress, short.clone())
        .drops(Reason::Malformed, Egress, patched(whole.clone(), IP + 2, &[0x86, 0xdd]))
        .passes(Egress, whole)
        .passes(Ingress, short)
}

/// Router advertisements and redirects are a router's, whatever source and hop limit they claim.
fn from_routers() -> Case {
    let mut case = Case::new(Setting::DenyAll, "a pod as a router");
    for kind in [ROUTER_ADVERTISEMENT, REDIRECT] {
        for source in [OWN, LINK_LOCAL, FOREIGN] {
            for hop_limit in [255, 64] {
                let frame = icmpv6(Egress, source, ALL_NODES, hop_limit, kind, &[0; 36]);
                case = case.drops(Reason::Spoofed, Egress, frame);
            }
        }
    }
    case.passes(Egress, icmpv6(Egress, OWN, ALL_ROUTERS, 255, ROUTER_SOLICITATION, &[0; 4]))
        .passes(Egress, icmpv6(Egress, LINK_LOCAL, ALL_ROUTERS, 255, ROUTER_SOLICITATION, &[0; 4]))
        .passes(Egress, icmpv6(Egress, NOBODY, ALL_ROUTERS, 255, ROUTER_SOLICITATION, &[0; 4]))
        .drops(
            Reason::Spoofed,
            Egress,
            icmpv6(Egress, FOREIGN, ALL_ROUTERS, 255, ROUTER_SOLICITATION, &[0; 4]),
        )
}

/// fe80::/10 (RFC 4291): its ten bits, and no fewer.
fn link_local() -> Case {
    let from = |first| {
        let source = Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, 1);
        icmpv6(Egress, source, ALL_ROUTERS, 255, ROUTER_SOLICITATION, &[0; 4])
    };
    let mut case = Case::new(Setting::DenyAll, "what is link-local");
    for inside in [0xfe80, 0xfe81, 0xfe90, 0xfebf] {
        case = case.passes(Egress, from(inside));
    }
    for outside in [0xfe00, 0xfe7f, 0xfec0, 0xfeff, 0x7e80, 0x2080, 0x0080] {
        case = case.drops(Reason::Spoofed, Egress, from(outside));
    }
    case
}

fn towards_the_pod() -> Case {
    let mut case = Case::new(Setting::DenyAll, "discovery towards a pod");
    for kind in [ROUTER_ADVERTISEMENT, REDIRECT, SOLICITATION, ADVERTISEMENT] {
        case = case.passes(Ingress, icmpv6(Ingress, LINK_LOCAL, OWN, 255, kind, &body(OWN)));
    }
    // Below 255 it was forwarded by somebody.
    for kind in [ROUTER_ADVERTISEMENT, REDIRECT, SOLICITATION, ADVERTISEMENT] {
        let frame = icmpv6(Ingress, LINK_LOCAL, OWN, 254, kind, &body(OWN));
        case = case.drops(Reason::Policy, Ingress, frame);
    }
    case
}

/// Four reserved bytes, then the target.
fn body(target: Ipv6Addr) -> Vec<u8> {
    [&[0; 4][..], &target.octets()].concat()
}

fn solicitations() -> Case {
    let from =
        |source, hop_limit| icmpv6(Egress, source, ALL_NODES, hop_limit, SOLICITATION, &body(LINK_LOCAL));
    Case::new(Setting::DenyAll, "neighbour solicitations of a pod")
        .passes(Egress, from(OWN, 255))
        .passes(Egress, from(LINK_LOCAL, 255))
        // Duplicate detection.
        .passes(Egress, from(NOBODY, 255))
        .drops(Reason::Spoofed, Egress, from(FOREIGN, 255))
        // No discovery, but ICMPv6 like any other.
        .drops(Reason::Policy, Egress, from(OWN, 64))
}

fn advertisements() -> Case {
    let of = |target| icmpv6(Egress, OWN, ALL_NODES, 255, ADVERTISEMENT, &body(target));
    Case::new(Setting::DenyAll, "neighbour advertisements of a pod")
        .passes(Egress, of(OWN))
        .passes(Egress, of(LINK_LOCAL))
        .drops(Reason::Spoofed, Egress, of(FOREIGN))
}

fn membership_v6() -> Case {
    let message = |direction, source, hop_limit, kind| {
        icmpv6(direction, source, ALL_ROUTERS, hop_limit, kind, &[0; 20])
    };
    Case::new(Setting::DenyAll, "MLD")
        .passes(Egress, message(Egress, LINK_LOCAL, 1, 143))
        .passes(Egress, message(Egress, OWN, 1, 131))
        .passes(Egress, message(Egress, NOBODY, 1, 143))
        .drops(Reason::Spoofed, Egress, message(Egress, FOREIGN, 1, 143))
        .drops(Reason::Spoofed, Egress, message(Egress, LINK_LOCAL, 1, 130))
        .drops(Reason::Spoofed, Egress, message(Egress, OWN, 64, 130))
        // The router asks; without an answer the pod loses its groups.
        .passes(Ingress, icmpv6(Ingress, LINK_LOCAL, ALL_NODES, 1, 130, &[0; 20]))
        .drops(Reason::Policy, Ingress, icmpv6(Ingress, LINK_LOCAL, ALL_NODES, 2, 130, &[0; 20]))
        .drops(Reason::Policy, Egress, message(Egress, OWN, 64, 143))
}

fn membership_v4() -> Case {
    let message = |source: [u8; 4], kind: u8, ttl: u8| {
        let pair = (source.into(), [224, 0, 0, 22].into());
        let plain = ethernet(&packet(Egress, pair, Transport::Other { protocol: 2 }));
        patched(patched(plain, IP + 8, &[ttl]), UPPER_V4, &[kind])
    };
    let query = |ttl: u8| {
        let pair = ([224, 0, 0, 1].into(), [10, 0, 0, 254].into());
        let plain = ethernet(&packet(Ingress, pair, Transport::Other { protocol: 2 }));
        patched(patched(plain, IP + 8, &[ttl]), UPPER_V4, &[0x11])
    };
    Case::new(Setting::DenyAll, "IGMP")
        .passes(Ingress, query(1))
        .drops(Reason::Policy, Ingress, query(2))
        .passes(Egress, message([10, 0, 0, 1], 0x22, 1))
        .passes(Egress, message([0; 4], 0x22, 1))
        .drops(Reason::Spoofed, Egress, message([10, 0, 0, 9], 0x22, 1))
        .drops(Reason::Spoofed, Egress, message([10, 0, 0, 1], 0x11, 1))
        .drops(Reason::Spoofed, Egress, message([10, 0, 0, 1], 0x11, 64))
        .drops(Reason::Policy, Egress, message([10, 0, 0, 1], 0x22, 64))
}
