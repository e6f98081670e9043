//! What the node sends, and what a pod sends to itself.

use std::net::IpAddr;

use enforcer::model::Direction::{Egress, Ingress};
use enforcer_common::Reason;

use super::{
    Case, Sender, Setting,
    bytes::{PAIRS, packet, tcp},
};
use crate::frame::{TcpFlags, Transport};

/// The cases of this file.
pub(super) fn cases() -> Vec<Case> {
    let of_pair = |pair| [node_tcp(pair), node_udp(pair), own(pair), own_udp(pair)];
    PAIRS.into_iter().flat_map(of_pair).collect()
}

/// A kubelet's probe: it passes, and its replies; the same packet of anybody else does not.
fn node_tcp(pair: (IpAddr, IpAddr)) -> Case {
    let segment = |direction, flags| tcp(direction, pair, 8080, 50_000, flags);
    let [syn, ack, fin] =
        [TcpFlags::SYN, TcpFlags::ACK, TcpFlags::FIN_ACK].map(|flags| segment(Ingress, flags));
    Case::new(Setting::DenyAll, "the node's connection")
        .packet_drops(Reason::Policy, Sender::Elsewhere, syn)
        .packet_drops(Reason::Policy, Sender::OtherPod, syn)
        .packet_passes(Sender::Node, syn)
        .packet_passes(Sender::Elsewhere, segment(Egress, TcpFlags::SYN_ACK))
        .packet_passes(Sender::Node, ack)
        // The entry is there; the origin is proven each time.
        .packet_drops(Reason::Policy, Sender::Elsewhere, ack)
        .packet_drops(Reason::Policy, Sender::OtherPod, ack)
        .packet_drops(Reason::Policy, Sender::OtherPod, fin)
        .packet_passes(Sender::Node, fin)
        .packet_passes(Sender::Elsewhere, segment(Egress, TcpFlags::FIN_ACK))
        // The replies' way is open, the pod's own connections are not.
        .packet_drops(Reason::Policy, Sender::Elsewhere, tcp(Egress, pair, 8081, 50_000, TcpFlags::SYN))
}

fn node_udp(pair: (IpAddr, IpAddr)) -> Case {
    let datagram = |direction| packet(direction, pair, Transport::Udp { local: 53, remote: 50_000 });
    Case::new(Setting::DenyAll, "the node's datagrams")
        .packet_drops(Reason::Policy, Sender::Elsewhere, datagram(Egress))
        .packet_passes(Sender::Node, datagram(Ingress))
        .packet_passes(Sender::Elsewhere, datagram(Egress))
        .packet_drops(Reason::Policy, Sender::Elsewhere, datagram(Ingress))
        .packet_drops(Reason::Policy, Sender::OtherPod, datagram(Ingress))
        .packet_passes(Sender::Node, datagram(Ingress))
}

/// Through its own Service, a pod's packet comes back with the node's address.
fn own(pair: (IpAddr, IpAddr)) -> Case {
    let syn = tcp(Ingress, pair, 8080, 50_000, TcpFlags::SYN);
    Case::new(Setting::DenyAll, "a pod's connection to itself")
        .packet_drops(Reason::Policy, Sender::OtherPod, syn)
        .packet_passes(Sender::Own, syn)
        .packet_passes(Sender::Elsewhere, tcp(Egress, pair, 8080, 50_000, TcpFlags::SYN_ACK))
        .packet_drops(Reason::Policy, Sender::OtherPod, tcp(Ingress, pair, 8080, 50_000, TcpFlags::ACK))
        .packet_passes(Sender::Own, tcp(Ingress, pair, 8080, 50_000, TcpFlags::ACK))
}

fn own_udp((local, remote): (IpAddr, IpAddr)) -> Case {
    let datagram = packet(Ingress, (local, remote), Transport::Udp { local: 53, remote: 50_000 });
    Case::new(Setting::DenyAll, "a pod's datagram to itself")
        .packet_drops(Reason::Policy, Sender::OtherPod, datagram)
        .packet_drops(Reason::Policy, Sender::Elsewhere, datagram)
        .packet_passes(Sender::Own, datagram)
}
