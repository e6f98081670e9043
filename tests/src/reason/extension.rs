//! IPv6 extension headers.

use enforcer::model::Direction::{Egress, Ingress};
use enforcer_common::Reason;

use super::{
    Case, Sender, Setting,
    bytes::{
        LOCAL_V4, LOCAL_V6, REMOTE_V4, REMOTE_V6, UPPER_V6, allowed_datagram, allowed_syn, extended, icmpv6,
        packet, patched, tcp,
    },
};
use crate::frame::{Packet, TcpFlags, Transport};

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;

/// One unit of eight bytes.
const SHORT: [u8; 8] = [0; 8];
/// Two units.
const LONG: [u8; 16] = [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// Counted in words less two: 24 bytes.
const AUTHENTICATED: [u8; 24] = [0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// The cases of this file.
pub(super) fn cases() -> Vec<Case> {
    vec![walked(), not_walked(), too_many(), lengths(), discovery(), buried_discovery(), of_ipv4()]
}

/// There it is a protocol, and what stands behind it is not looked at.
fn of_ipv4() -> Case {
    let pair = (LOCAL_V4, REMOTE_V4);
    let hidden = packet(Ingress, pair, Transport::Other { protocol: AUTHENTICATION });
    Case::new(Setting::Isolated, "an authentication header of IPv4")
        .packet_drops(Reason::Policy, Sender::Elsewhere, hidden)
        .packet_passes(Sender::Elsewhere, allowed_syn(pair))
}

/// The ports stand behind the headers, and are found there.
fn walked() -> Case {
    let pair = (LOCAL_V6, REMOTE_V6);
    let (syn, datagram) = (allowed_syn(pair), allowed_datagram(pair));
    let other = tcp(Ingress, pair, 81, 40_000, TcpFlags::SYN);
    let chains: [&[(u8, &[u8])]; 7] = [
        &[(HOP_BY_HOP, &SHORT)],
        &[(ROUTING, &SHORT)],
        &[(DESTINATION, &LONG)],
        &[(AUTHENTICATION, &AUTHENTICATED)],
        &[(HOP_BY_HOP, &LONG), (DESTINATION, &SHORT)],
        &[(DESTINATION, &SHORT), (ROUTING, &LONG), (AUTHENTICATION, &AUTHENTICATED)],
        &[(HOP_BY_HOP, &SHORT), (ROUTING, &SHORT), (DESTINATION, &SHORT)],
    ];
    let mut case = Case::new(Setting::Isolated, "extension headers that are walked");
    for chain in chains {
        case = case.passes(Ingress, extended(&syn, chain)).passes(Egress, extended(&datagram, chain)).drops(
            Reason::Policy,
            Ingress,
            extended(&other, chain),
        );
    }
    case
}

fn not_walked() -> Case {
    let syn = allowed_syn((LOCAL_V6, REMOTE_V6));
    let mut case = Case::new(Setting::Isolated, "extension headers that are not walked");
    // Mobility, HIP, Shim6.
    for number in [135, 139, 140] {
        case = case.drops(Reason::ExtensionHeader, Ingress, extended(&syn, &[(number, &SHORT)])).drops(
            Reason::ExtensionHeader,
            Ingress,
            extended(&syn, &[(DESTINATION, &SHORT), (number, &SHORT)]),
        );
    }
    // Hop-by-hop options stand first, or are none.
    case.drops(
        Reason::ExtensionHeader,
        Ingress,
        extended(&syn, &[(DESTINATION, &SHORT), (HOP_BY_HOP, &SHORT)]),
    )
    .drops(Reason::ExtensionHeader, Ingress, extended(&syn, &[(HOP_BY_HOP, &SHORT), (HOP_BY_HOP, &SHORT)]))
    .passes(Ingress, extended(&syn, &[(HOP_BY_HOP, &SHORT), (DESTINATION, &SHORT)]))
}

fn too_many() -> Case {
    let syn = allowed_syn((LOCAL_V6, REMOTE_V6));
    let chain = |count: usize| extended(&syn, &vec![(DESTINATION, &SHORT[..]); count]);
    let mut case = Case::new(Setting::Isolated, "more extension headers than are walked");
    for count in 1..=4 {
        case = case.passes(Ingress, chain(count));
    }
    for count in [5, 8, 16] {
        case = case.drops(Reason::ExtensionHeader, Ingress, chain(count));
    }
    case
}

/// An extension header that is longer than the packet.
fn lengths() -> Case {
    let syn = allowed_syn((LOCAL_V6, REMOTE_V6));
    let one = extended(&syn, &[(DESTINATION, &SHORT)]);
    let authenticated = extended(&syn, &[(AUTHENTICATION, &AUTHENTICATED)]);
    Case::new(Setting::Isolated, "extension headers whose length lies")
        .passes(Ingress, one.clone())
        .drops(Reason::Malformed, Ingress, patched(one.clone(), UPPER_V6 + 1, &[255]))
        .drops(Reason::Malformed, Ingress, patched(one, UPPER_V6 + 1, &[3]))
        .drops(Reason::Malformed, Ingress, patched(authenticated, UPPER_V6 + 1, &[255]))
}

/// Discovery behind an extension header is discovery still: a pod cannot hide a router advertisement so.
fn discovery() -> Case {
    let own = std::net::Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
    let group = std::net::Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    let plain = icmpv6(Egress, own, group, 255, 134, &[0; 12]);
    let (front, message) = plain.split_at(UPPER_V6);
    let front = patched(patched(front.to_vec(), 14 + 4, &[0, 24]), 14 + 6, &[DESTINATION]);
    let hidden = [&front[..], &[58, 0, 0, 0, 0, 0, 0, 0], message].concat();
    Case::new(Setting::Egress, "a router advertisement behind an extension header")
        .drops(Reason::Spoofed, Egress, plain)
        .drops(Reason::Spoofed, Egress, hidden)
}

/// Behind more headers than are walked nobody can tell, so the hop limit decides: 255 is discovery's. Also where no
/// rule would drop it.
fn buried_discovery() -> Case {
    let sent = Packet { direction: Egress, ..allowed_syn((LOCAL_V6, REMOTE_V6)) };
    let buried = extended(&sent, &[(DESTINATION, &SHORT[..]); 5]);
    let near = patched(buried.clone(), 14 + 7, &[255]);
    let towards = extended(&allowed_syn((LOCAL_V6, REMOTE_V6)), &[(DESTINATION, &SHORT[..]); 5]);
    Case::new(Setting::Open, "what may be a router advertisement behind more headers than are walked")
        .drops(Reason::Spoofed, Egress, near)
        .passes(Egress, patched(buried.clone(), 14 + 7, &[254]))
        .passes(Egress, buried)
        .passes(Ingress, patched(towards, 14 + 7, &[255]))
}
