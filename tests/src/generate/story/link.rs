//! Traffic of the link, ARP and DHCP, true and false.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use enforcer::model::Direction;
use proptest::{prelude::*, sample::select};

use super::scene::{Scene, Stranger, stranger};
use crate::{
    frame::{Arp, Content, Datagram, Link, Packet, Transport},
    generate::universe,
};

#[derive(Debug, Clone)]
pub(super) struct LinkDraft {
    kind: Kind,
    direction: Direction,
    source: Who,
    destination: Who,
    target: Who,
    /// `None`: the one that such a message has.
    hop_limit: Option<u8>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Discovery(u8),
    Mld(u8),
    Igmp(u8),
    /// IPv4's ICMP.
    Icmp(u8),
    Arp {
        reply: bool,
        well_formed: bool,
    },
    Dhcp {
        is_ipv4: bool,
        answers: bool,
    },
}

#[derive(Debug, Clone, Copy)]
enum Who {
    Own,
    /// The first, or the last, address that is in a prefix of the endpoint's.
    Prefix,
    Target,
    AllNodes,
    AllRouters,
    Nobody,
    Stranger(Stranger),
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![
        3 => Just(Who::Own),
        1 => Just(Who::Prefix),
        1 => Just(Who::Target),
        2 => Just(Who::AllNodes),
        1 => Just(Who::AllRouters),
        3 => Just(Who::Nobody),
        3 => stranger().prop_map(Who::Stranger),
    ]
}

pub(super) fn draft() -> impl Strategy<Value = LinkDraft> {
    let arp = (any::<bool>(), prop_oneof![7 => Just(true), 1 => Just(false)])
        .prop_map(|(reply, well_formed)| Kind::Arp { reply, well_formed });
    let dhcp = (any::<bool>(), any::<bool>()).prop_map(|(is_ipv4, answers)| Kind::Dhcp { is_ipv4, answers });
    let kind = prop_oneof![
        // Solicitations and advertisements of neighbours twice as often.
        8 => select(&[133, 134, 135, 135, 136, 136, 137][..]).prop_map(Kind::Discovery),
        2 => select(&[130, 131, 132, 143][..]).prop_map(Kind::Mld),
        2 => select(&[0x11, 0x12, 0x16, 0x17, 0x22, 0x13][..]).prop_map(Kind::Igmp),
        1 => select(&[5, 9, 10][..]).prop_map(Kind::Icmp),
        4 => arp,
        4 => dhcp,
    ];
    let direction = prop_oneof![2 => Just(Direction::Egress), 1 => Just(Direction::Ingress)];
    let hop_limit = proptest::option::weighted(0.2, select(&[0, 1, 2, 64, 254, 255][..]));
    (kind, direction, who(), who(), who(), hop_limit)
        .prop_map(|(kind, direction, source, destination, target, hop_limit)| LinkDraft {
            kind,
            direction,
            source,
            destination,
            target,
            hop_limit,
        })
        .boxed()
}

impl LinkDraft {
    pub(super) fn content(&self, scene: &Scene<'_>) -> Option<(Direction, Content)> {
        let is_ipv4 = match self.kind {
            Kind::Igmp(_) | Kind::Icmp(_) | Kind::Arp { .. } => true,
            Kind::Discovery(_) | Kind::Mld(_) => false,
            Kind::Dhcp { is_ipv4, .. } => is_ipv4,
        };
        let target = address(self.target, is_ipv4, scene, None)?;
        let [source, destination] =
            [self.source, self.destination].map(|who| address(who, is_ipv4, scene, Some(target)));
        let (source, destination) = (source?, destination?);
        if let (Kind::Arp { reply, well_formed }, IpAddr::V4(sender), IpAddr::V4(target)) =
            (self.kind, source, target)
        {
            return Some((self.direction, Content::Arp(Arp { sender, target, reply, well_formed })));
        }
        let is_own = |address| scene.endpoint.addresses.contains(&address);
        // A pod's word to itself never leaves it.
        if source == destination || (is_own(source) && is_own(destination)) {
            return None;
        }
        let (local, remote) = match self.direction {
            Direction::Ingress => (destination, source),
            Direction::Egress => (source, destination),
        };
        let direction = self.direction;
        let plain = |transport| Datagram::new(Packet { direction, local, remote, transport });
        let kept = Transport::Other { protocol: 0 };
        let target = if let IpAddr::V6(target) = target { target } else { Ipv6Addr::UNSPECIFIED };
        let mut datagram = match self.kind {
            Kind::Discovery(kind) => plain(kept).with_link(Link::Discovery { kind, target }),
            Kind::Mld(kind) => plain(kept).with_link(Link::Mld { kind }),
            Kind::Igmp(kind) => plain(kept).with_link(Link::Igmp { kind }),
            Kind::Icmp(kind) => plain(Transport::Icmp { kind, code: 0, identifier: 0 }),
            Kind::Dhcp { is_ipv4, answers } => {
                let (client, server) = if is_ipv4 { (68, 67) } else { (546, 547) };
                // The wrong way round the pod would be the server.
                let (local, remote) = if answers { (server, client) } else { (client, server) };
                plain(Transport::Udp { local, remote })
            }
            Kind::Arp { .. } => return None,
        };
        let usual = match self.kind {
            Kind::Discovery(_) => 255,
            Kind::Mld(_) | Kind::Igmp(_) => 1,
            Kind::Icmp(_) | Kind::Arp { .. } | Kind::Dhcp { .. } => 64,
        };
        datagram.hop_limit = self.hop_limit.unwrap_or(usual);
        Some((direction, Content::Whole(datagram)))
    }
}

fn address(who: Who, is_ipv4: bool, scene: &Scene<'_>, target: Option<IpAddr>) -> Option<IpAddr> {
    match who {
        Who::Own => scene.own(is_ipv4),
        Who::Target => target.or_else(|| scene.own(is_ipv4)),
        Who::Prefix => {
            let of_family = |prefix: &&ipnet::IpNet| prefix.network().is_ipv4() == is_ipv4;
            scene.endpoint.prefixes.iter().find(of_family).map(ipnet::IpNet::broadcast)
        }
        Who::AllNodes => Some(universe::address(if is_ipv4 { "224.0.0.1" } else { "ff02::1" })),
        Who::AllRouters => Some(universe::address(if is_ipv4 { "224.0.0.2" } else { "ff02::2" })),
        Who::Nobody if is_ipv4 => Some(Ipv4Addr::UNSPECIFIED.into()),
        Who::Nobody => Some(Ipv6Addr::UNSPECIFIED.into()),
        Who::Stranger(stranger) => Some(stranger.address(is_ipv4)),
    }
}
