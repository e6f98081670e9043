//! Link traffic is above the rules only towards the link: what goes to anybody else is judged like any packet. And
//! what only routers send under IPv4.

use std::net::{IpAddr, Ipv6Addr};

use enforcer::model::Direction::{Egress, Ingress};
use enforcer_common::Reason;

use super::{
    Case,
    Sender::Elsewhere,
    Setting,
    bytes::{LOCAL_V4, LOCAL_V6, packet},
};
use crate::frame::{Content, Datagram, Frame, Link, Transport};

const NEIGHBOUR: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 9);
const OTHER: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 8);
const NEAR: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 9), Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9)];

/// The cases of this file.
pub(super) fn cases() -> Vec<Case> {
    vec![neighbours(), advertisements(), routers_and_members(), igmp(), routers_of_ipv4()]
}

fn message(to: IpAddr, link: Link, hop_limit: u8) -> Frame {
    let local = if to.is_ipv4() { LOCAL_V4 } else { LOCAL_V6 };
    let plain = packet(Egress, (local, to), Transport::Other { protocol: 0 });
    Frame::whole(Datagram { hop_limit, ..Datagram::new(plain).with_link(link) })
}

/// A frame padded to so many bytes. Up to 102 there is room for an address and a nonce behind two VLAN tags, not for
/// a message.
fn padded(frame: Frame, length: usize) -> Frame {
    let padding = length - frame.bytes().len();
    Frame { padding, ..frame }
}

fn neighbours() -> Case {
    let to = |to: Ipv6Addr| message(to.into(), Link::Discovery { kind: 135, target: NEIGHBOUR }, 255);
    let mut case = Case::new(Setting::DenyAll, "where neighbour solicitations may go");
    for near in NEAR {
        case = case.frame_passes(Elsewhere, &to(near));
    }
    // Is it still there? With room for a message it is not that question.
    case.frame_passes(Elsewhere, &to(NEIGHBOUR))
        .frame_passes(Elsewhere, &padded(to(NEIGHBOUR), 102))
        .frame_drops(Reason::Policy, Elsewhere, &padded(to(NEIGHBOUR), 103))
        .frame_drops(Reason::Policy, Elsewhere, &to(OTHER))
}

fn advertisements() -> Case {
    let IpAddr::V6(own) = LOCAL_V6 else { unreachable!("an IPv6 address") };
    let to = |to: Ipv6Addr, target, hop_limit| {
        message(to.into(), Link::Discovery { kind: 136, target }, hop_limit)
    };
    let long = |frame| padded(frame, 103);
    let foreign = |mut frame: Frame| {
        if let Content::Whole(datagram) = &mut frame.content {
            datagram.packet.local = NEIGHBOUR.into();
        }
        frame
    };
    Case::new(Setting::DenyAll, "neighbour advertisements may go anywhere, if they are short and the pod's")
        .frame_passes(Elsewhere, &to(NEAR[0], own, 255))
        .frame_passes(Elsewhere, &to(OTHER, own, 255))
        .frame_passes(Elsewhere, &padded(to(OTHER, own, 255), 102))
        .frame_passes(Elsewhere, &long(to(NEAR[0], own, 255)))
        .frame_drops(Reason::Policy, Elsewhere, &long(to(OTHER, own, 255)))
        .frame_drops(Reason::Spoofed, Elsewhere, &foreign(to(OTHER, own, 255)))
        .frame_drops(Reason::Spoofed, Elsewhere, &foreign(to(NEAR[0], own, 255)))
        .frame_drops(Reason::Spoofed, Elsewhere, &to(OTHER, NEIGHBOUR, 255))
        .frame_drops(Reason::Policy, Elsewhere, &to(OTHER, own, 254))
}

fn routers_and_members() -> Case {
    let mut case = Case::new(Setting::DenyAll, "where router solicitations and MLD reports may go");
    let router = Link::Discovery { kind: 133, target: Ipv6Addr::UNSPECIFIED };
    for (link, hop_limit) in [
        (router, 255),
        (Link::Mld { kind: 131 }, 1),
        (Link::Mld { kind: 132 }, 1),
        (Link::Mld { kind: 143 }, 1),
    ] {
        for near in NEAR {
            case = case.frame_passes(Elsewhere, &message(near.into(), link, hop_limit));
        }
        case = case.frame_drops(Reason::Policy, Elsewhere, &message(OTHER.into(), link, hop_limit));
    }
    case
}

fn igmp() -> Case {
    let mut case = Case::new(Setting::DenyAll, "where IGMP reports may go");
    for kind in [0x12, 0x16, 0x17, 0x22] {
        case = case
            .frame_passes(Elsewhere, &message([224, 0, 0, 22].into(), Link::Igmp { kind }, 1))
            .frame_drops(Reason::Policy, Elsewhere, &message([10, 0, 0, 9].into(), Link::Igmp { kind }, 1));
    }
    let query = message([224, 0, 0, 1].into(), Link::Igmp { kind: 0x11 }, 1);
    case.frame_drops(Reason::Spoofed, Elsewhere, &query)
}

fn routers_of_ipv4() -> Case {
    let icmp = |direction, kind| {
        let transport = Transport::Icmp { kind, code: 0, identifier: 0 };
        Frame::whole(Datagram::new(packet(direction, (LOCAL_V4, [10, 0, 0, 9].into()), transport)))
    };
    Case::new(Setting::Egress, "IPv4 redirects and router advertisements of a pod")
        .frame_drops(Reason::Spoofed, Elsewhere, &icmp(Egress, 5))
        .frame_drops(Reason::Spoofed, Elsewhere, &icmp(Egress, 9))
        // A router solicitation is ICMP like any other; so is what comes from routers.
        .frame_passes(Elsewhere, &icmp(Egress, 10))
        .frame_passes(Elsewhere, &icmp(Ingress, 5))
        .frame_passes(Elsewhere, &icmp(Ingress, 9))
}
