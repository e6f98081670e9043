//! Fragments.

use std::net::IpAddr;

use enforcer::model::Direction::{Egress, Ingress};
use enforcer_common::Reason;

use super::{
    Case, Sender, Setting,
    bytes::{
        IP, LOCAL_V4, LOCAL_V6, REMOTE_V4, REMOTE_V6, allowed_datagram, allowed_syn, extended, patched, tcp,
    },
};
use crate::frame::{Datagram, Fragment, Frame, Packet, TcpFlags, Transport, ethernet};

/// The cases of this file.
pub(super) fn cases() -> Vec<Case> {
    vec![ipv4(), ipv6(), ipv6_atomic(), both_ways(LOCAL_V4), both_ways(LOCAL_V6)]
}

/// What a pod sends to itself leaves and comes with the same addresses and identification: each way has its own memory.
fn both_ways(local: IpAddr) -> Case {
    let transport = Transport::Udp { local: 53, remote: 53 };
    let parts = |direction| {
        let packet = Packet { direction, local, remote: local, transport };
        let parts = Fragment::split(&Datagram { payload: 64, ..Datagram::new(packet) }, 9, &[32]);
        parts.into_iter().map(Frame::fragment).collect::<Vec<_>>()
    };
    let mut case = Case::new(Setting::Egress, "fragments of a pod to itself");
    for (leaves, comes) in parts(Egress).iter().zip(&parts(Ingress)) {
        case = case.frame_passes(Sender::Elsewhere, leaves).frame_passes(Sender::Own, comes);
    }
    case
}

/// Flags and offset in one word: 0x2000 says that more follow, 0x4000 that it may not be cut.
fn ipv4() -> Case {
    let pair = (LOCAL_V4, REMOTE_V4);
    let marked = |packet, word: u16| patched(ethernet(packet), IP + 6, &word.to_be_bytes());
    let (syn, datagram) = (allowed_syn(pair), allowed_datagram(pair));
    Case::new(Setting::Isolated, "IPv4 fragments")
        .drops(Reason::Fragment, Ingress, marked(&syn, 0x2001))
        .drops(Reason::Fragment, Ingress, marked(&syn, 0x0001))
        .drops(Reason::Fragment, Ingress, marked(&syn, 0x1fff))
        .drops(Reason::Fragment, Egress, marked(&datagram, 0x0010))
        .passes(Ingress, marked(&syn, 0x4000))
        .passes(Ingress, marked(&syn, 0x0000))
        .passes(Egress, marked(&datagram, 0x8000))
}

/// Offset, two reserved bits and the bit that says that more follow, in one word.
const fn header(word: u16) -> [u8; 8] {
    let [high, low] = word.to_be_bytes();
    [0, 0, high, low, 0, 0, 0, 7]
}

fn ipv6() -> Case {
    let pair = (LOCAL_V6, REMOTE_V6);
    let marked = |packet, word| extended(packet, &[(44, &header(word))]);
    let (syn, datagram) = (allowed_syn(pair), allowed_datagram(pair));
    Case::new(Setting::Isolated, "IPv6 fragments")
        .drops(Reason::Fragment, Ingress, marked(&syn, 0x0009))
        .drops(Reason::Fragment, Ingress, marked(&syn, 0x0008))
        .drops(Reason::Fragment, Ingress, marked(&syn, 0xfff8))
        .drops(Reason::Fragment, Egress, marked(&datagram, 0x0009))
        .drops(Reason::Fragment, Ingress, extended(&syn, &[(60, &[0; 8]), (44, &header(0x0009))]))
}

/// A fragment that is the whole packet (RFC 6946) is judged like the packet.
fn ipv6_atomic() -> Case {
    let pair = (LOCAL_V6, REMOTE_V6);
    let other = tcp(Ingress, pair, 81, 40_000, TcpFlags::SYN);
    let atomic = |packet, word| extended(packet, &[(44, &header(word))]);
    Case::new(Setting::Isolated, "IPv6 atomic fragments")
        .passes(Ingress, atomic(&allowed_syn(pair), 0))
        .passes(Ingress, atomic(&allowed_syn(pair), 0x0006))
        .passes(Egress, atomic(&allowed_datagram(pair), 0))
        .drops(Reason::Policy, Ingress, atomic(&other, 0))
}
