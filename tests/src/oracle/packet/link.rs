//! What is above the rules: traffic of the link, and DHCP (DESIGN 3.5).

use std::net::IpAddr;

use enforcer::model::Direction::{Egress, Ingress};

use super::{Drop, PacketOracle, address::is_link_local};
use crate::{
    frame::{Datagram, Frame, Link, Transport, Upper},
    oracle::flow::Ground,
};

const PASS: Option<Result<Ground, Drop>> = Some(Ok(Ground::Rules));
const SPOOFED: Option<Result<Ground, Drop>> = Some(Err(Drop::Spoofed));

impl PacketOracle {
    /// `None` leaves a packet to the checks and rules that any packet gets.
    pub(super) fn above_the_rules(
        &self,
        frame: &Frame,
        datagram: &Datagram,
        is_whole: bool,
    ) -> Option<Result<Ground, Drop>> {
        match (&datagram.upper, datagram.packet.transport) {
            (Upper::Link(link), _) => self.link(frame, datagram, *link, is_whole),
            // "IPv4 ICMP redirect (5) and router advertisement (9): `spoofed`", from a pod, whatever they quote.
            (_, Transport::Icmp { kind: 5 | 9, .. })
                if datagram.is_ipv4() && datagram.packet.direction == Egress =>
            {
                SPOOFED
            }
            (_, Transport::Udp { local, remote }) if self.is_dhcp(datagram, local, remote) => PASS,
            _ => None,
        }
    }

    fn link(
        &self,
        frame: &Frame,
        datagram: &Datagram,
        link: Link,
        is_whole: bool,
    ) -> Option<Result<Ground, Drop>> {
        let packet = &datagram.packet;
        // What goes beyond the link has no room for more than it says: at most two tags, a link-layer address and a
        // nonce.
        let is_short = frame.bytes().len() <= 14 + 8 + 40 + 24 + 8 + 8;
        let (source, destination) = (packet.source(), packet.destination());
        let near = destination.is_multicast() || is_link_local(destination);
        let nobody = source.is_unspecified();
        let speaks = nobody || is_link_local(source) || self.speaks_as(source);
        let as_its_own = if speaks { PASS } else { SPOOFED };
        match (packet.direction, link, datagram.hop_limit) {
            // "Never router advertisements, redirects, MLD queries", whatever the hop limit; `anySource` does not
            // change that.
            (Egress, Link::Discovery { kind: 134 | 137, .. } | Link::Mld { kind: 130 }, _) => SPOOFED,
            // The same for IGMP's queries, which the design does not name.
            (Egress, Link::Igmp { kind: 0x11 }, _) => SPOOFED,
            // RFC 6980: discovery in fragments is none. Nor are the hop limits of its parts one message's.
            _ if !is_whole => None,
            // "NA: destination any, hop limit 255 and target own/link-local/own prefix."
            (Egress, Link::Discovery { kind: 136, target }, 255) => {
                let target = IpAddr::V6(target);
                match is_link_local(target) || self.speaks_as(target) {
                    _ if !near && !is_short => None,
                    true => as_its_own,
                    false => SPOOFED,
                }
            }
            // "neighbour solicitation: destination must be multicast, link-local, or the target itself"
            (Egress, Link::Discovery { kind: 135, target }, 255)
                if near || (destination == target && is_short) =>
            {
                as_its_own
            }
            // "router solicitation and MLD/IGMP reports: destination multicast or link-local"
            (Egress, Link::Discovery { kind: 133, .. }, 255) if near => as_its_own,
            // "MLD and IGMP reports with hop limit 1"
            (Egress, Link::Mld { kind: 131 | 132 | 143 }, 1) if near => as_its_own,
            (Egress, Link::Igmp { kind: 0x12 | 0x16 | 0x17 | 0x22 }, 1) if near => as_its_own,
            // "Towards a pod: advertisements, redirects, NS and NA with hop limit 255"
            (Ingress, Link::Discovery { kind: 134..=137, .. }, 255) => PASS,
            // Queries are not named there; without them "MLD" would not be "still working".
            (Ingress, Link::Mld { kind: 130 } | Link::Igmp { kind: 0x11 }, 1) => PASS,
            // "(else they are judged by the rules like any ICMPv6/IGMP packet)"
            _ => None,
        }
    }

    /// "from the pod UDP 68→67 with source 0.0.0.0 or own (IPv4), UDP 546→547 with own or link-local source (IPv6);
    /// towards it UDP 67→68 / 547→546 with any destination: pass above the rules, make no flow. Without the flag: like
    /// any packet".
    fn is_dhcp(&self, datagram: &Datagram, local: u16, remote: u16) -> bool {
        let packet = &datagram.packet;
        let ports = if datagram.is_ipv4() { (68, 67) } else { (546, 547) };
        let source = packet.source();
        let client = match source {
            IpAddr::V4(source) => source.is_unspecified() || self.speaks_as(source.into()),
            IpAddr::V6(_) => is_link_local(source) || self.speaks_as(source),
        };
        self.endpoint.dhcp && (local, remote) == ports && (packet.direction == Ingress || client)
    }
}
