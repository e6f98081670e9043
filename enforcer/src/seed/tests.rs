//! What is made of conntrack's entries and of sockets, without a kernel.

use std::{collections::BTreeSet, net::IpAddr};

use enforcer_common::{
    flow::{Ground, Opener},
    packet::protocol::{ICMP, TCP, UDP},
    tables::{Ports, REMOTE_ASKS},
};

use super::{
    Flows, Known, Owners, Side, Sockets, Tracked, flows_of_sockets, flows_of_tracked, learn, owners,
};
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
    Owners::from([(at(CLIENT), 7), (at(SERVER), 8)])
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
    let flows = flows_of_tracked(&tracked, &Owners::from([(at(SERVER), 8)]), &node);
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

#[test]
fn an_address_that_two_endpoints_claim_is_nobodys() {
    let (one, other) = (endpoint(7, &[CLIENT, SERVER]), endpoint(8, &[SERVER]));
    assert_eq!(owners(&[&one, &other]), Owners::from([(at(CLIENT), 7)]));
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
