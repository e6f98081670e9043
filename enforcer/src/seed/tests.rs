//! What is made of conntrack's entries and of sockets, without a kernel.

use std::{collections::BTreeSet, net::IpAddr};

use enforcer_common::{
    flow::{Ground, Opener},
    packet::protocol::{ICMP, TCP, UDP},
    tables::{Ports, REMOTE_ASKS},
};

use super::{Flows, Known, Owners, Side, Sockets, Tracked, flows_of_sockets, flows_of_tracked, learn};
use crate::{
    model::{Endpoint, ObjectName},
    tuple::FlowTuple,
};

const CLIENT: &str = "10.0.0.1";
const SERVER: &str = "10.0.0.2";
const SERVICE: &str = "10.96.0.1";
const NODE: &str = "192.0.2.1";

fn at(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn side(source: &str, source_port: u16, destination: &str, destination_port: u16) -> Side {
    Side { source: at(source), destination: at(destination), source_port, destination_port }
}

fn tcp(original: Side, reply: Side) -> Tracked {
    Tracked { protocol: TCP, original, reply, answered: true }
}

fn tuple(interface: u32, local: (&str, u16), remote: (&str, u16), kind: u32) -> FlowTuple {
    let ports = Ports { local: local.1, remote: remote.1 };
    FlowTuple { interface, local: at(local.0), remote: at(remote.0), ports, kind }
}

fn two() -> Owners {
    Owners::new(&[endpoint(7, &[CLIENT]), endpoint(8, &[SERVER])])
}

fn by(opener: Opener, ground: Ground) -> Known {
    Known { opener, ground, answered: true }
}

#[test]
fn both_pods_of_a_translated_connection_have_it_as_it_crosses_their_own_interface() {
    let tracked = tcp(side(CLIENT, 4000, SERVICE, 80), side(SERVER, 8080, CLIENT, 4000));
    let expected = vec![
        (tuple(7, (CLIENT, 4000), (SERVICE, 80), 6), by(Opener::Pod, Ground::Rules)),
        (tuple(8, (SERVER, 8080), (CLIENT, 4000), 6), by(Opener::Remote, Ground::Rules)),
    ];
    assert_eq!(flows_of_tracked(&tracked, &two(), &Sockets::default()), expected);
}

#[test]
fn a_masqueraded_connection_is_not_the_nodes_although_it_carries_its_address() {
    // The node happens to have a socket with the translated end.
    let tracked = tcp(side(CLIENT, 4000, NODE, 30080), side(SERVER, 8080, NODE, 61000));
    let mut node = Sockets::default();
    node.connected.insert((TCP, (at(NODE), 61000), (at(SERVER), 8080)));
    let flows = flows_of_tracked(&tracked, &Owners::new(&[endpoint(8, &[SERVER])]), &node);
    let expected = (tuple(8, (SERVER, 8080), (NODE, 61000), 6), by(Opener::Remote, Ground::Rules));
    assert_eq!(flows, vec![expected]);
}

#[test]
fn a_connection_of_a_socket_of_the_node_is_the_nodes() {
    let plain = tcp(side(NODE, 5000, SERVER, 8080), side(SERVER, 8080, NODE, 5000));
    let translated = tcp(side(NODE, 5001, SERVICE, 80), side(SERVER, 8080, NODE, 5001));
    let mut node = Sockets::default();
    node.connected.insert((TCP, (at(NODE), 5000), (at(SERVER), 8080)));
    node.connected.insert((TCP, (at(NODE), 5001), (at(SERVICE), 80)));
    for (tracked, port) in [(plain, 5000), (translated, 5001)] {
        let expected = |ground| vec![(tuple(8, (SERVER, 8080), (NODE, port), 6), by(Opener::Remote, ground))];
        assert_eq!(flows_of_tracked(&tracked, &two(), &node), expected(Ground::Node));
        assert_eq!(flows_of_tracked(&tracked, &two(), &Sockets::default()), expected(Ground::Rules));
        // Another protocol's socket proves nothing.
        let datagram = Tracked { protocol: UDP, ..tracked };
        let grounds: Vec<Ground> =
            flows_of_tracked(&datagram, &two(), &node).into_iter().map(|(_, known)| known.ground).collect();
        assert_eq!(grounds, [Ground::Rules]);
    }
}

#[test]
fn a_pod_that_reaches_itself_through_its_service_has_both_ends() {
    let tracked = tcp(side(CLIENT, 4000, SERVICE, 80), side(CLIENT, 8080, NODE, 61000));
    let expected = vec![
        (tuple(7, (CLIENT, 4000), (SERVICE, 80), 6), by(Opener::Pod, Ground::Rules)),
        (tuple(7, (CLIENT, 8080), (NODE, 61000), 6), by(Opener::Remote, Ground::Own)),
    ];
    assert_eq!(flows_of_tracked(&tracked, &two(), &Sockets::default()), expected);
}

#[test]
fn an_echo_is_known_by_its_identifier_and_by_who_asks() {
    let original = side(CLIENT, 9, SERVER, 9);
    let tracked = Tracked { protocol: ICMP, original, reply: side(SERVER, 9, CLIENT, 9), answered: true };
    let expected = vec![
        (tuple(7, (CLIENT, 9), (SERVER, 9), 1), by(Opener::Pod, Ground::Rules)),
        (tuple(8, (SERVER, 9), (CLIENT, 9), 1 | REMOTE_ASKS), by(Opener::Remote, Ground::Rules)),
    ];
    assert_eq!(flows_of_tracked(&tracked, &two(), &Sockets::default()), expected);
}

#[test]
fn strangers_connections_are_nothing_to_an_endpoint() {
    let tracked = tcp(side(NODE, 4000, SERVICE, 80), side("10.0.0.9", 8080, NODE, 4000));
    assert_eq!(flows_of_tracked(&tracked, &two(), &Sockets::default()), Vec::new());
}

#[test]
fn two_connections_that_share_an_entry_and_not_the_opener_leave_it_unknown() {
    let mut flows = Flows::new();
    let one = tuple(7, (CLIENT, 0), (SERVER, 0), 50);
    learn(&mut flows, one, by(Opener::Pod, Ground::Rules));
    learn(&mut flows, one, by(Opener::Pod, Ground::Rules));
    assert_eq!(flows.get(&one).map(|known| known.opener), Some(Opener::Pod));
    learn(&mut flows, one, by(Opener::Remote, Ground::Own));
    assert_eq!(flows.get(&one), Some(&by(Opener::Unknown, Ground::Rules)));
}

fn endpoint(interface_index: u32, addresses: &[&str]) -> Endpoint {
    Endpoint {
        pod: ObjectName::new("shop", format!("pod-{interface_index}")),
        interface_index,
        interface: format!("veth{interface_index}"),
        addresses: addresses.iter().map(|text| at(text)).collect(),
        ..Endpoint::default()
    }
}

fn with_prefix(prefix: &str, endpoint: Endpoint) -> Endpoint {
    Endpoint { prefixes: BTreeSet::from([prefix.parse().expect("a prefix")]), ..endpoint }
}

#[test]
fn an_address_that_two_endpoints_claim_is_nobodys() {
    let owners = Owners::new(&[
        with_prefix("10.1.0.0/16", endpoint(7, &[CLIENT, SERVER, "10.1.0.7"])),
        with_prefix("10.1.2.0/24", endpoint(8, &[SERVER, "10.1.0.8"])),
        with_prefix("10.2.0.0/16", endpoint(9, &["10.1.2.9"])),
    ]);
    for (address, owner) in [
        (CLIENT, Some(7)),
        (SERVER, None),
        // By name, whoever has a prefix around it.
        ("10.1.0.8", Some(8)),
        ("10.1.2.9", Some(9)),
        ("10.1.1.1", Some(7)),
        ("10.1.2.1", None),
        ("10.2.3.4", Some(9)),
        ("10.3.0.1", None),
    ] {
        assert_eq!(owners.of(at(address)), owner, "{address}");
    }
}

#[test]
fn a_tracked_connection_of_an_address_in_a_prefix_is_the_endpoints() {
    let endpoints = [with_prefix("fd00:5::/64", endpoint(7, &["fd00::7"])), endpoint(8, &["fd00::8"])];
    let owners = Owners::new(&endpoints);
    let (inside, service, pod) = ("fd00:5::1", "fd00:96::1", "fd00::8");
    let out = tcp(side(inside, 4000, service, 80), side(pod, 8080, inside, 4000));
    let expected = vec![
        (tuple(7, (inside, 4000), (service, 80), 6), by(Opener::Pod, Ground::Rules)),
        (tuple(8, (pod, 8080), (inside, 4000), 6), by(Opener::Remote, Ground::Rules)),
    ];
    assert_eq!(flows_of_tracked(&out, &owners, &Sockets::default()), expected);
    let grounds = |from, to| -> Vec<Ground> {
        let tracked = tcp(side(from, 4000, service, 80), side(to, 8080, from, 4000));
        let flows = flows_of_tracked(&tracked, &owners, &Sockets::default());
        flows.into_iter().map(|(_, known)| known.ground).collect()
    };
    // Who has an address of the link cannot be told: no exemption by guessing.
    assert_eq!(grounds(inside, inside), [Ground::Rules, Ground::Rules], "to itself, or the node's own");
    assert_eq!(grounds(inside, "fd00:5::2"), [Ground::Rules, Ground::Rules]);
    assert_eq!(grounds(inside, "fd00::7"), [Ground::Rules, Ground::Rules]);
}

#[test]
fn a_socket_at_an_address_in_a_prefix_tells_of_a_flow() {
    let (inside, next, far) = ("fd00:5::1", "fd00:5::2", "fd00:9::9");
    let sockets = Sockets {
        connected: BTreeSet::from([
            (TCP, (at(inside), 80), (at(far), 4000)),
            (TCP, (at(inside), 5000), (at(far), 443)),
            // Somebody else on the same link.
            (TCP, (at(inside), 5001), (at(next), 443)),
            // Both ends are the pod's.
            (TCP, (at(inside), 80), (at(inside), 4002)),
            (TCP, (at(inside), 4002), (at(inside), 80)),
            // In no prefix.
            (TCP, (at("fd00:6::1"), 80), (at(far), 4000)),
        ]),
        listening: BTreeSet::from([(TCP, (at("::"), 80))]),
    };
    let endpoint = with_prefix("fd00:5::/64", endpoint(8, &[SERVER]));
    let flows = flows_of_sockets(&sockets, &endpoint, &Sockets::default());
    let expected = BTreeSet::from([
        (tuple(8, (inside, 80), (far, 4000), 6), by(Opener::Remote, Ground::Rules)),
        (tuple(8, (inside, 5000), (far, 443), 6), by(Opener::Pod, Ground::Rules)),
        (tuple(8, (inside, 5001), (next, 443), 6), by(Opener::Pod, Ground::Rules)),
    ]);
    assert_eq!(BTreeSet::from_iter(flows), expected);
}

#[test]
fn who_listens_at_any_address_takes_ipv4_and_by_ipv6_both() {
    let opener = |any: &str, local: &str, remote: &str| {
        let sockets = Sockets {
            connected: BTreeSet::from([(TCP, (at(local), 80), (at(remote), 4000))]),
            listening: BTreeSet::from([(TCP, (at(any), 80))]),
        };
        let flows = flows_of_sockets(&sockets, &endpoint(8, &[local]), &Sockets::default());
        flows.first().map(|(_, known)| known.opener)
    };
    assert_eq!(opener("0.0.0.0", SERVER, CLIENT), Some(Opener::Remote));
    assert_eq!(opener("::", SERVER, CLIENT), Some(Opener::Remote));
    assert_eq!(opener("::", "fd00::8", "fd00::7"), Some(Opener::Remote));
    assert_eq!(opener("0.0.0.0", "fd00::8", "fd00::7"), Some(Opener::Pod));
}

#[test]
fn a_listening_port_tells_the_opener_of_a_socket() {
    let any = at("0.0.0.0");
    let sockets = Sockets {
        connected: BTreeSet::from([
            (TCP, (at(SERVER), 80), (at(CLIENT), 4000)),
            (TCP, (at(SERVER), 81), (at(CLIENT), 4001)),
            (TCP, (at(SERVER), 82), (at(CLIENT), 4002)),
            (TCP, (at(SERVER), 5000), (at(NODE), 443)),
            (TCP, (at(SERVER), 80), (at(NODE), 4003)),
            (UDP, (at(SERVER), 80), (at(CLIENT), 4000)),
            // Never crosses the interface, and another pod's.
            (TCP, (at(SERVER), 80), (at(SERVER), 4000)),
            (TCP, (at("127.0.0.1"), 80), (at("127.0.0.1"), 4000)),
        ]),
        listening: BTreeSet::from([(TCP, (any, 80)), (TCP, (at(SERVER), 81)), (TCP, (at("127.0.0.1"), 82))]),
    };
    let node = Sockets {
        connected: BTreeSet::from([
            (TCP, (at(NODE), 4003), (at(SERVER), 80)),
            // The node's end of what the pod opened proves nothing: the rules judge the way out.
            (TCP, (at(NODE), 443), (at(SERVER), 5000)),
        ]),
        ..Sockets::default()
    };
    let flows = flows_of_sockets(&sockets, &endpoint(8, &[SERVER]), &node);
    let known = |opener, ground, answered| Known { opener, ground, answered };
    let expected = BTreeSet::from([
        (tuple(8, (SERVER, 80), (CLIENT, 4000), 6), known(Opener::Remote, Ground::Rules, true)),
        (tuple(8, (SERVER, 81), (CLIENT, 4001), 6), known(Opener::Remote, Ground::Rules, true)),
        (tuple(8, (SERVER, 82), (CLIENT, 4002), 6), known(Opener::Pod, Ground::Rules, true)),
        (tuple(8, (SERVER, 5000), (NODE, 443), 6), known(Opener::Pod, Ground::Rules, true)),
        (tuple(8, (SERVER, 80), (NODE, 4003), 6), known(Opener::Remote, Ground::Node, true)),
        (tuple(8, (SERVER, 80), (CLIENT, 4000), 17), known(Opener::Pod, Ground::Rules, false)),
    ]);
    assert_eq!(BTreeSet::from_iter(flows), expected);
}
