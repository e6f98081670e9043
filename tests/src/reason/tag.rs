//! VLAN tags in the frame's bytes: "skipped; the inner packet is judged exactly as if untagged, same flow key".

use std::net::{IpAddr, Ipv4Addr};

use enforcer::model::Direction::{Egress, Ingress};
use enforcer_common::Reason;

use super::{
    Case,
    Sender::Elsewhere,
    Setting,
    bytes::{PAIRS, allowed_datagram, allowed_syn, tcp},
};
use crate::frame::{Arp, Content, Datagram, Frame, Packet, Tag, TcpFlags};

const DEPTHS: [&[Tag]; 4] =
    [&[Tag::Customer], &[Tag::Service], &[Tag::Service, Tag::Customer], &[Tag::Customer, Tag::Customer]];

/// The cases of this file.
pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = PAIRS.into_iter().flat_map(|pair| [skipped(pair), one_flow(pair)]).collect();
    cases.extend([arp(), too_deep(), others()]);
    cases
}

fn tagged(tags: &[Tag], packet: Packet) -> Frame {
    Frame { tags: tags.to_vec(), ..Frame::whole(Datagram::new(packet)) }
}

fn skipped(pair: (IpAddr, IpAddr)) -> Case {
    let other = tcp(Ingress, pair, 81, 40_000, TcpFlags::SYN);
    let spoofed = allowed_datagram((if pair.0.is_ipv4() { [10, 0, 0, 9].into() } else { pair.1 }, pair.1));
    let mut case = Case::new(Setting::Isolated, "the packet behind VLAN tags is judged");
    for tags in DEPTHS {
        case = case
            .frame_passes(Elsewhere, &tagged(tags, allowed_syn(pair)))
            .frame_drops(Reason::Policy, Elsewhere, &tagged(tags, other))
            .frame_drops(Reason::Spoofed, Elsewhere, &tagged(tags, spoofed));
    }
    case
}

fn one_flow(pair: (IpAddr, IpAddr)) -> Case {
    let (there, back) = (allowed_datagram(pair), allowed_datagram(pair).reversed());
    let mut case = Case::new(Setting::Isolated, "a flow is the same with and without VLAN tags")
        .packet_drops(Reason::Policy, Elsewhere, back)
        .frame_passes(Elsewhere, &tagged(&[Tag::Customer], there))
        .packet_passes(Elsewhere, back);
    for tags in DEPTHS {
        case = case.frame_passes(Elsewhere, &tagged(tags, back));
    }
    case
}

fn arp() -> Case {
    let from = |sender: [u8; 4], tags: &[Tag]| {
        let arp = Arp { sender: sender.into(), target: Ipv4Addr::LOCALHOST, reply: false, well_formed: true };
        Frame { tags: tags.to_vec(), ..Frame::plain(Egress, Content::Arp(arp)) }
    };
    let mut case = Case::new(Setting::DenyAll, "ARP behind VLAN tags");
    for tags in DEPTHS {
        case = case.frame_passes(Elsewhere, &from([10, 0, 0, 1], tags)).frame_drops(
            Reason::Spoofed,
            Elsewhere,
            &from([10, 0, 0, 2], tags),
        );
    }
    case
}

fn too_deep() -> Case {
    let mut case = Case::new(Setting::Isolated, "a third VLAN tag");
    for pair in PAIRS {
        let three = tagged(&[Tag::Service, Tag::Customer, Tag::Customer], allowed_syn(pair));
        case = case
            .frame_drops(Reason::EtherType, Elsewhere, &three)
            .frame_passes(Elsewhere, &tagged(&[Tag::Service, Tag::Customer], allowed_syn(pair)));
    }
    case
}

fn others() -> Case {
    let mut case = Case::new(Setting::Isolated, "another EtherType behind VLAN tags");
    for tags in DEPTHS {
        let other = Frame { tags: tags.to_vec(), ..Frame::plain(Ingress, Content::Other(0x88cc)) };
        case = case.frame_drops(Reason::EtherType, Elsewhere, &other);
    }
    case
}
