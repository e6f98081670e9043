//! What the administrator allows an endpoint: prefixes, any source, DHCP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use enforcer::model::Direction::{Egress, Ingress};
use enforcer_common::Reason;

use super::{
    Case,
    Sender::Elsewhere,
    Setting,
    bytes::{LOCAL_V4, LOCAL_V6, REMOTE_V4, REMOTE_V6, packet},
};
use crate::frame::{Arp, Content, Datagram, Frame, Link, Packet, Transport};

const IN_PREFIX_V4: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 77);
const IN_PREFIX_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 1, 0, 0, 0x55, 0, 0, 1);
const OUTSIDE_V4: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 77);
const OUTSIDE_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 2, 0, 0, 0, 0, 0, 1);
const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// The cases of this file.
pub(super) fn cases() -> Vec<Case> {
    vec![prefixes(), any_source(), still_forbidden(), leased(), unleased()]
}

fn datagram(direction: enforcer::model::Direction, local: IpAddr) -> Packet {
    let remote = if local.is_ipv4() { REMOTE_V4 } else { REMOTE_V6 };
    packet(direction, (local, remote), Transport::Udp { local: 1, remote: 2 })
}

fn arp(sender: Ipv4Addr) -> Frame {
    let target = Ipv4Addr::new(10, 0, 0, 254);
    Frame::plain(Egress, Content::Arp(Arp { sender, target, reply: true, well_formed: true }))
}

fn advertisement(target: Ipv6Addr) -> Frame {
    let plain = packet(Egress, (LOCAL_V6, GROUP.into()), Transport::Other { protocol: 0 });
    let link = Link::Discovery { kind: 136, target };
    Frame::whole(Datagram { hop_limit: 255, ..Datagram::new(plain).with_link(link) })
}

/// Rules deny all here, so that a source or destination which is taken for the pod's own shows by a policy's drop.
fn prefixes() -> Case {
    let mut case = Case::new(Setting::Prefixes, "addresses in a prefix of the endpoint's are its own");
    for (inside, outside) in
        [(IN_PREFIX_V4.into(), OUTSIDE_V4.into()), (IpAddr::from(IN_PREFIX_V6), IpAddr::from(OUTSIDE_V6))]
    {
        case = case
            .packet_drops(Reason::Policy, Elsewhere, datagram(Egress, inside))
            .packet_drops(Reason::Spoofed, Elsewhere, datagram(Egress, outside))
            .packet_drops(Reason::Policy, Elsewhere, datagram(Ingress, inside))
            .packet_drops(Reason::NotMine, Elsewhere, datagram(Ingress, outside));
    }
    case.frame_passes(Elsewhere, &arp(IN_PREFIX_V4))
        .frame_drops(Reason::Spoofed, Elsewhere, &arp(OUTSIDE_V4))
        .frame_passes(Elsewhere, &advertisement(IN_PREFIX_V6))
        .frame_drops(Reason::Spoofed, Elsewhere, &advertisement(OUTSIDE_V6))
}

fn any_source() -> Case {
    Case::new(Setting::AnySource, "an endpoint that may use any address")
        .packet_drops(Reason::Policy, Elsewhere, datagram(Egress, OUTSIDE_V4.into()))
        .packet_drops(Reason::Policy, Elsewhere, datagram(Egress, OUTSIDE_V6.into()))
        .packet_drops(Reason::Policy, Elsewhere, datagram(Ingress, OUTSIDE_V4.into()))
        .packet_drops(Reason::Policy, Elsewhere, datagram(Ingress, OUTSIDE_V6.into()))
        .frame_passes(Elsewhere, &arp(OUTSIDE_V4))
        .frame_passes(Elsewhere, &advertisement(OUTSIDE_V6))
}

/// "router advertisements, redirects and MLD queries stay forbidden"
fn still_forbidden() -> Case {
    let mut case = Case::new(Setting::AnySource, "what an endpoint that may use any address may not");
    for link in [
        Link::Discovery { kind: 134, target: OUTSIDE_V6 },
        Link::Discovery { kind: 137, target: OUTSIDE_V6 },
        Link::Mld { kind: 130 },
    ] {
        for hop_limit in [1, 255] {
            let plain = packet(Egress, (LOCAL_V6, GROUP.into()), Transport::Other { protocol: 0 });
            let message = Datagram { hop_limit, ..Datagram::new(plain).with_link(link) };
            case = case.frame_drops(Reason::Spoofed, Elsewhere, &Frame::whole(message));
        }
    }
    for kind in [5, 9] {
        let transport = Transport::Icmp { kind, code: 0, identifier: 0 };
        let message = packet(Egress, (LOCAL_V4, REMOTE_V4), transport);
        case = case.packet_drops(Reason::Spoofed, Elsewhere, message);
    }
    case.frame_passes(Elsewhere, &arp(OUTSIDE_V4))
}

/// A client's message and a server's, by the pod's address and the other side's.
fn dhcp(local: IpAddr, remote: IpAddr) -> [Packet; 2] {
    let (client, server) = if local.is_ipv4() { (68, 67) } else { (546, 547) };
    let transport = Transport::Udp { local: client, remote: server };
    [Egress, Ingress].map(|direction| packet(direction, (local, remote), transport))
}

fn leased() -> Case {
    let link_local: IpAddr = [0xfe80, 0, 0, 0, 0, 0, 0, 1].into();
    let servers: IpAddr = [0xff02, 0, 0, 0, 0, 0, 1, 2].into();
    let mut case = Case::new(Setting::Leased, "DHCP where the endpoint uses it");
    for (local, remote) in [
        (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::BROADCAST.into()),
        (LOCAL_V4, REMOTE_V4),
        (link_local, servers),
        (LOCAL_V6, REMOTE_V6),
    ] {
        let [ask, _] = dhcp(local, remote);
        case = case.packet_passes(Elsewhere, ask);
    }
    // An offer comes to an address that is not the pod's yet.
    for (local, remote) in [
        (OUTSIDE_V4.into(), REMOTE_V4),
        (Ipv4Addr::BROADCAST.into(), REMOTE_V4),
        (link_local, REMOTE_V6),
        (OUTSIDE_V6.into(), REMOTE_V6),
    ] {
        let [_, answer] = dhcp(local, remote);
        case = case.packet_passes(Elsewhere, answer);
    }
    let wrong_way = packet(Egress, (LOCAL_V4, REMOTE_V4), Transport::Udp { local: 67, remote: 68 });
    let [foreign_v4, _] = dhcp(OUTSIDE_V4.into(), REMOTE_V4);
    let [foreign_v6, _] = dhcp(OUTSIDE_V6.into(), REMOTE_V6);
    case
        // The pod is no server, and nobody else's client.
        .packet_drops(Reason::Policy, Elsewhere, wrong_way)
        .packet_drops(Reason::Spoofed, Elsewhere, foreign_v4)
        .packet_drops(Reason::Spoofed, Elsewhere, foreign_v6)
}

fn unleased() -> Case {
    let link_local: IpAddr = [0xfe80, 0, 0, 0, 0, 0, 0, 1].into();
    let [nobody, _] = dhcp(Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::BROADCAST.into());
    let [near, _] = dhcp(link_local, [0xff02, 0, 0, 0, 0, 0, 1, 2].into());
    let mut case = Case::new(Setting::DenyAll, "DHCP where the endpoint does not use it")
        .packet_drops(Reason::Spoofed, Elsewhere, nobody)
        .packet_drops(Reason::Spoofed, Elsewhere, near);
    for (local, remote) in [(LOCAL_V4, REMOTE_V4), (LOCAL_V6, REMOTE_V6)] {
        for packet in dhcp(local, remote) {
            case = case.packet_drops(Reason::Policy, Elsewhere, packet);
        }
    }
    case
}
