//! What the rules decide, and what is dropped before they are asked.

use std::net::IpAddr;

use enforcer::model::Direction::{Egress, Ingress};
use enforcer_common::Reason;

use super::{
    Case, Sender, Setting,
    bytes::{PAIRS, allowed_datagram, allowed_syn, packet, patched, raw, tcp},
};
use crate::frame::{SctpChunk, TcpFlags, Transport, ethernet};

/// The cases of this file.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for pair in PAIRS {
        cases.extend(policy(pair));
        cases.extend(not_mine(pair));
        cases.push(unknown(pair));
        cases.push(inconsistent(pair));
    }
    cases.extend(ether_type());
    cases
}

fn policy(pair: (IpAddr, IpAddr)) -> Vec<Case> {
    let other: IpAddr =
        if pair.0.is_ipv4() { [10, 0, 0, 3].into() } else { [0xfd00, 0, 0, 0, 0, 0, 0, 3].into() };
    let syn = |pair, port| tcp(Ingress, pair, port, 40_000, TcpFlags::SYN);
    let from = Sender::Elsewhere;
    let echo = if pair.0.is_ipv4() { 8 } else { 128 };
    let echo = Transport::Icmp { kind: echo, code: 0, identifier: 7 };
    let sctp = Transport::Sctp { local: 80, remote: 40_000, chunk: SctpChunk::INIT };
    vec![
        Case::new(Setting::Isolated, "the port")
            .packet_drops(Reason::Policy, from, syn(pair, 81))
            .packet_passes(from, syn(pair, 80)),
        Case::new(Setting::Isolated, "the peer")
            .packet_drops(Reason::Policy, from, syn((pair.0, other), 80))
            .packet_passes(from, syn(pair, 80)),
        Case::new(Setting::Isolated, "the protocol")
            .packet_drops(
                Reason::Policy,
                from,
                packet(Ingress, pair, Transport::Udp { local: 80, remote: 40_000 }),
            )
            .packet_drops(Reason::Policy, from, packet(Ingress, pair, sctp))
            .packet_drops(Reason::Policy, from, packet(Ingress, pair, echo))
            .packet_drops(Reason::Policy, from, packet(Ingress, pair, Transport::Other { protocol: 47 })),
        Case::new(Setting::Isolated, "the direction")
            .packet_drops(Reason::Policy, from, tcp(Egress, pair, 40_000, 80, TcpFlags::SYN))
            .packet_drops(
                Reason::Policy,
                from,
                packet(Ingress, pair, Transport::Udp { local: 53, remote: 5353 }),
            )
            .packet_passes(from, allowed_datagram(pair)),
        Case::new(Setting::Isolated, "replies of an allowed flow, and of no flow")
            .packet_drops(Reason::Policy, from, tcp(Egress, pair, 80, 40_000, TcpFlags::SYN_ACK))
            .packet_passes(from, allowed_syn(pair))
            .packet_passes(from, tcp(Egress, pair, 80, 40_000, TcpFlags::SYN_ACK))
            .packet_passes(from, tcp(Ingress, pair, 80, 40_000, TcpFlags::ACK))
            .packet_drops(Reason::Policy, from, tcp(Egress, pair, 80, 40_001, TcpFlags::SYN_ACK)),
        Case::new(Setting::DenyAll, "nothing is allowed")
            .packet_drops(Reason::Policy, from, syn(pair, 80))
            .packet_drops(Reason::Policy, from, allowed_datagram(pair)),
        Case::new(Setting::Egress, "a direction that no policy names")
            .packet_passes(from, syn(pair, 81))
            .packet_passes(from, tcp(Egress, pair, 40_000, 80, TcpFlags::SYN)),
    ]
}

fn not_mine((local, remote): (IpAddr, IpAddr)) -> Vec<Case> {
    let (foreign, group): (IpAddr, IpAddr) = if local.is_ipv4() {
        ([10, 0, 0, 99].into(), [224, 0, 0, 251].into())
    } else {
        ([0xfd00, 0, 0, 0, 0, 0, 0, 0x99].into(), [0xff02, 0, 0, 0, 0, 0, 0, 0xfb].into())
    };
    let from = Sender::Elsewhere;
    let datagram = |to| packet(Ingress, (to, remote), Transport::Udp { local: 5353, remote: 5353 });
    vec![
        Case::new(Setting::Isolated, "another's address")
            .packet_drops(Reason::NotMine, from, allowed_syn((foreign, remote)))
            .packet_passes(from, allowed_syn((local, remote))),
        // The node proves where it is, not that the pod is meant.
        Case::new(Setting::Isolated, "another's address, from the node")
            .packet_drops(Reason::NotMine, Sender::Node, allowed_syn((foreign, remote)))
            .packet_passes(Sender::Node, allowed_syn((local, remote))),
        // A group is nobody's own: the rules are asked.
        Case::new(Setting::Isolated, "a group's address").packet_drops(Reason::Policy, from, datagram(group)),
        Case::new(Setting::Egress, "a group's address, ingress not isolated")
            .packet_drops(Reason::NotMine, from, datagram(foreign))
            .packet_passes(from, datagram(group)),
    ]
}

fn unknown(pair: (IpAddr, IpAddr)) -> Case {
    Case::new(Setting::Unknown, "an interface that the tables do not know")
        .packet_drops(Reason::UnknownEndpoint, Sender::Elsewhere, allowed_syn(pair))
        .packet_drops(Reason::UnknownEndpoint, Sender::Node, allowed_syn(pair))
        .packet_drops(Reason::UnknownEndpoint, Sender::Elsewhere, allowed_datagram(pair))
        .drops(Reason::UnknownEndpoint, Ingress, raw(Ingress, 0x88cc, &[0; 46]))
        .drops(Reason::UnknownEndpoint, Ingress, raw(Ingress, 0x0800, &[]))
        // Towards the pod ARP claims nothing for it.
        .passes(Ingress, raw(Ingress, 0x0806, &[0; 28]))
}

fn inconsistent(pair: (IpAddr, IpAddr)) -> Case {
    Case::new(Setting::Broken, "rows that are not there")
        .packet_drops(Reason::Inconsistent, Sender::Elsewhere, allowed_syn(pair))
        .packet_drops(Reason::Inconsistent, Sender::Elsewhere, allowed_datagram(pair))
        // What needs no rule passes still.
        .packet_passes(Sender::Node, allowed_syn(pair))
}

/// LLDP, a VLAN tag before IPv4, and an IEEE 802.3 length.
fn ether_type() -> Vec<Case> {
    let tagged = |pair| patched(ethernet(&allowed_syn(pair)), 12, &[0x81, 0]);
    let mut cases: Vec<Case> = [Ingress, Egress]
        .into_iter()
        .map(|direction| {
            Case::new(Setting::Isolated, "another EtherType")
                .drops(Reason::EtherType, direction, raw(direction, 0x88cc, &[0; 46]))
                .drops(Reason::EtherType, direction, raw(direction, 46, &[0; 46]))
                .drops(Reason::EtherType, direction, raw(direction, 0x8847, &[0; 46]))
        })
        .collect();
    for pair in PAIRS {
        cases.push(
            Case::new(Setting::Isolated, "a VLAN tag")
                .drops(Reason::EtherType, Ingress, tagged(pair))
                .passes(Ingress, ethernet(&allowed_syn(pair))),
        );
    }
    cases
}
