//! Level 4: flows in the kernel: the table of cases, time-outs, and flows that are learnt.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::IpAddr;

use enforcer::{
    dataplane::{Seeded, Stage, Ticks, Timeouts},
    host::TRIAL_INTERFACE,
    model::{Direction, Endpoint, Policy},
    seed::{Flows, Known},
    tuple::FlowTuple,
};
use enforcer_common::{
    flow::{Ground, Opener},
    packet::Origin,
    tables::{Ports, capacity},
};
use enforcer_tests::{
    builder::{any, cluster, endpoint, policy},
    flow_case::{cases, play},
    frame::{self, Packet, SctpChunk, TcpFlags, Transport},
    node::{At, Kernel, Node, Target},
    oracle::Family,
};

/// Any rate will do: ages and time-outs are counted in the same ticks.
const TICKS: Ticks = Ticks(1000);

#[test]
fn every_case_comes_out_as_written_in_the_kernel_too() {
    let mut node = Node::new(Kernel::load().unwrap());
    let mut played = 0;
    for case in cases().iter().filter(|case| !case.both_local) {
        for family in Family::ALL {
            play(&mut node, case, family).unwrap();
            played += 1;
        }
    }
    println!("{played} cases");
}

const PAIRS: [[&str; 2]; 2] = [["10.0.0.1", "10.0.0.9"], ["fd00::1", "fd00::9"]];

fn enter(node: &mut Node<Kernel>, policies: impl IntoIterator<Item = Policy>) {
    let scene = cluster().pod("a/pod", [("app", "pod")], ["10.0.0.1", "fd00::1"]);
    let scene = policies.into_iter().fold(scene, enforcer_tests::builder::ClusterBuilder::policy).build();
    let local = Endpoint { interface_index: TRIAL_INTERFACE, ..endpoint("a/pod", ["10.0.0.1", "fd00::1"]) };
    node.update(&scene, &[local]).unwrap();
}

fn packet([local, remote]: [&str; 2], direction: Direction, transport: Transport) -> Packet {
    let [local, remote] = [local, remote].map(|text| text.parse::<IpAddr>().unwrap());
    Packet { direction, local, remote, transport }
}

fn send(node: &mut Node<Kernel>, packet: &Packet, origin: Origin) -> bool {
    let frame = frame::ethernet(packet);
    let at = At { frame: &frame, interface: TRIAL_INTERFACE, direction: packet.direction.into(), origin };
    node.target.judge(&at).unwrap().passed
}

/// A flow with its packets, there and back, its stage, and whether it is answered.
fn flows_of_every_stage() -> Vec<(Stage, Vec<(Direction, Transport)>)> {
    use Direction::{Egress, Ingress};
    let tcp = |local, flags| Transport::Tcp { local, remote: 80, flags };
    let opened = |local| vec![(Egress, tcp(local, TcpFlags::SYN)), (Ingress, tcp(local, TcpFlags::SYN_ACK))];
    let then = |local, end: &[Direction]| {
        let end = end.iter().map(|direction| (*direction, tcp(local, TcpFlags::FIN_ACK)));
        opened(local).into_iter().chain(end).collect::<Vec<_>>()
    };
    let udp = Transport::Udp { local: 7, remote: 53 };
    let unanswered = Transport::Udp { local: 8, remote: 53 };
    let sctp = |local, chunk| Transport::Sctp { local, remote: 80, chunk };
    let other = Transport::Other { protocol: 50 };
    vec![
        (Stage::TcpOpening, vec![(Egress, tcp(1, TcpFlags::SYN))]),
        (Stage::TcpEstablished, opened(2)),
        (Stage::TcpHalfClosed, then(3, &[Ingress])),
        (Stage::TcpClosed, then(4, &[Ingress, Egress])),
        (Stage::UdpOpening, vec![(Egress, unanswered)]),
        (Stage::Udp, vec![(Egress, udp), (Ingress, udp)]),
        (Stage::SctpOpening, vec![(Egress, sctp(5, SctpChunk::INIT))]),
        (Stage::Sctp, vec![(Egress, sctp(6, SctpChunk::INIT)), (Ingress, sctp(6, SctpChunk::INIT_ACK))]),
        (Stage::Other, vec![(Egress, other), (Ingress, other)]),
    ]
}

fn seconds(stage: Stage) -> u32 {
    u32::try_from(Timeouts::default().get(stage).as_secs()).unwrap()
}

fn tuple(packet: &Packet) -> FlowTuple {
    let (local_port, remote_port) = match packet.transport {
        Transport::Tcp { local, remote, .. }
        | Transport::Udp { local, remote }
        | Transport::Sctp { local, remote, .. } => (local, remote),
        Transport::Icmp { identifier, .. } => (identifier, identifier),
        Transport::Other { .. } => (0, 0),
    };
    let ports = Ports { local: local_port, remote: remote_port };
    let Packet { local, remote, .. } = *packet;
    FlowTuple { interface: TRIAL_INTERFACE, local, remote, ports, kind: packet.protocol().into() }
}

/// Both tables, both families, every stage: there until its time-out, gone after it.
#[test]
fn each_stage_of_a_flow_has_its_own_time_out() {
    let mut node = Node::new(Kernel::load().unwrap());
    let echo = |family: [&str; 2]| {
        let kind = if family == PAIRS[0] { 8 } else { 128 };
        (Stage::Icmp, vec![(Direction::Egress, Transport::Icmp { kind, code: 0, identifier: 9 })])
    };
    for pair in PAIRS {
        for (stage, packets) in flows_of_every_stage().into_iter().chain([echo(pair)]) {
            node.target.forget_flows().unwrap();
            enter(&mut node, []);
            for (direction, transport) in &packets {
                assert!(send(&mut node, &packet(pair, *direction, *transport), Origin::Elsewhere));
            }
            let (_, transport) = packets.first().unwrap();
            let flow = tuple(&packet(pair, Direction::Egress, *transport));
            let found = node.target.flow(&flow).unwrap().expect("the flow");
            assert_eq!(found.is_confirmed, packets.len() > 1, "{stage:?}");
            let mut after = |ticks| {
                node.target.dataplane.age_flows(ticks).unwrap();
                let expiry = node.target.dataplane.expire_trial(&Timeouts::default(), TICKS).unwrap();
                (expiry.removed, node.target.flow(&flow).unwrap().is_some())
            };
            // The kernel's clock goes on meanwhile: a second is left for that.
            assert_eq!(after((seconds(stage) - 1) * TICKS.0), (0, true), "{stage:?} is collected too early");
            assert_eq!(after(2 * TICKS.0), (1, false), "{stage:?} is not collected");
        }
    }
}

#[test]
fn a_setting_changes_the_time_out() {
    let mut node = Node::new(Kernel::load().unwrap());
    enter(&mut node, []);
    let syn = Transport::Tcp { local: 1, remote: 80, flags: TcpFlags::SYN };
    assert!(send(&mut node, &packet(PAIRS[0], Direction::Egress, syn), Origin::Elsewhere));
    node.target.dataplane.age_flows(10 * TICKS.0).unwrap();
    let mut expire = |text: &str| {
        let timeouts = Timeouts::with([text.parse().unwrap()]);
        node.target.dataplane.expire_trial(&timeouts, TICKS).unwrap().removed
    };
    assert_eq!(expire("tcp-established=5s"), 0);
    assert_eq!(expire("tcp-opening=20s"), 0);
    assert_eq!(expire("tcp-opening=5s"), 1);
}

/// "both directions are dropped, counted, until it has been idle for its time-out".
#[test]
fn a_denied_mark_lives_while_somebody_tries_and_then_until_its_time_out() {
    let mut node = Node::new(Kernel::load().unwrap());
    for pair in PAIRS {
        for confirmed in [true, false] {
            node.target.forget_flows().unwrap();
            enter(&mut node, []);
            let udp = Transport::Udp { local: 7, remote: 53 };
            let (query, reply) =
                (packet(pair, Direction::Egress, udp), packet(pair, Direction::Ingress, udp));
            assert!(send(&mut node, &query, Origin::Elsewhere));
            assert!(!confirmed || send(&mut node, &reply, Origin::Elsewhere));
            // The peer may open; but this flow was the pod's.
            enter(&mut node, [policy("a/p").egress([]).ingress([any()]).into()]);
            let stage = if confirmed { Stage::Udp } else { Stage::UdpOpening };
            // Whoever tries: the opener too.
            for tried in [&reply, &query, &query, &reply, &query] {
                assert!(!send(&mut node, tried, Origin::Elsewhere));
                node.target.dataplane.age_flows((seconds(Stage::UdpOpening) - 1) * TICKS.0).unwrap();
                node.target.dataplane.expire_trial(&Timeouts::default(), TICKS).unwrap();
            }
            assert!(!send(&mut node, &reply, Origin::Elsewhere), "the mark is gone, {stage:?}");
            node.target.dataplane.age_flows((seconds(Stage::Udp) + 1) * TICKS.0).unwrap();
            node.target.dataplane.expire_trial(&Timeouts::default(), TICKS).unwrap();
            assert!(send(&mut node, &reply, Origin::Elsewhere), "it is a flow of the peer's now, {stage:?}");
        }
    }
}

/// An entry of hours ago answers for nothing.
#[test]
fn an_old_one_sided_flow_does_not_admit_a_late_answer() {
    let mut node = Node::new(Kernel::load().unwrap());
    for pair in PAIRS {
        node.target.forget_flows().unwrap();
        enter(&mut node, [policy("a/p").ingress([]).into()]);
        let udp = Transport::Udp { local: 7, remote: 53 };
        let (query, reply) = (packet(pair, Direction::Egress, udp), packet(pair, Direction::Ingress, udp));
        assert!(send(&mut node, &query, Origin::Elsewhere));
        node.target.dataplane.age_flows(3600 * TICKS.0).unwrap();
        node.target.dataplane.expire_trial(&Timeouts::default(), TICKS).unwrap();
        assert!(!send(&mut node, &reply, Origin::Elsewhere));
        assert!(send(&mut node, &query, Origin::Elsewhere));
        assert!(send(&mut node, &reply, Origin::Elsewhere));
    }
}

/// What was collected can be spent again, and what goes with its interface is collected at once.
#[test]
fn the_collector_gives_back_what_flows_had_spent() {
    let mut node = Node::new(Kernel::load().unwrap());
    enter(&mut node, []);
    node.target.set_budget(1).unwrap();
    let mut confirm = |local| {
        let udp = Transport::Udp { local, remote: 53 };
        for direction in [Direction::Egress, Direction::Ingress] {
            assert!(send(&mut node, &packet(PAIRS[0], direction, udp), Origin::Elsewhere));
        }
        let found = node.target.flow(&tuple(&packet(PAIRS[0], Direction::Egress, udp))).unwrap();
        let confirmed = found.expect("the flow").is_confirmed;
        node.target.dataplane.age_flows(1000 * TICKS.0).unwrap();
        node.target.dataplane.expire_trial(&Timeouts::default(), TICKS).unwrap();
        confirmed
    };
    assert!(confirm(1));
    assert!(confirm(2));
    let syn = Transport::Tcp { local: 1, remote: 80, flags: TcpFlags::SYN };
    assert!(send(&mut node, &packet(PAIRS[0], Direction::Egress, syn), Origin::Elsewhere));
    // No interface carries the programs in this test.
    let expiry = node.target.dataplane.expire(&Timeouts::default(), TICKS).unwrap();
    assert_eq!((expiry.removed, node.target.dataplane.flows().unwrap()), (1, (0, 0)));
}

fn learnt(pair: [&str; 2], local: u16, opener: Opener, ground: Ground, answered: bool) -> (FlowTuple, Known) {
    let flags = TcpFlags::ACK;
    let segment = packet(pair, Direction::Egress, Transport::Tcp { local, remote: 80, flags });
    (tuple(&segment), Known { opener, ground, answered })
}

/// The rules are asked at the first packet, in the opener's direction, whoever sends it.
#[test]
fn a_learnt_flow_has_an_opener_and_no_exemption() {
    let mut node = Node::new(Kernel::load().unwrap());
    let way_out = || policy("a/p").egress([any()]).ingress([]).into();
    let way_in = || policy("a/p").egress([]).ingress([any()]).into();
    for pair in PAIRS {
        for answered in [true, false] {
            for first in Direction::ALL {
                for (opener, allows, denies) in
                    [(Opener::Pod, way_out(), way_in()), (Opener::Remote, way_in(), way_out())]
                {
                    for (rules, passes) in [(allows, true), (denies, false)] {
                        node.target.forget_flows().unwrap();
                        enter(&mut node, [rules]);
                        let flow = learnt(pair, 40_000, opener, Ground::Rules, answered);
                        let seeded = node.target.dataplane.seed(&Flows::from([flow])).unwrap();
                        assert_eq!((seeded.confirmed, seeded.opening), (answered.into(), (!answered).into()));
                        let tcp = Transport::Tcp { local: 40_000, remote: 80, flags: TcpFlags::ACK };
                        for direction in [first, first, Direction::Egress, Direction::Ingress] {
                            let packet = packet(pair, direction, tcp);
                            assert_eq!(send(&mut node, &packet, Origin::Elsewhere), passes, "{opener:?}");
                        }
                        let found = node.target.flow(&flow.0).unwrap().expect("the flow");
                        assert_eq!(found.state.judgement.denied, !passes);
                    }
                }
            }
        }
    }
}

#[test]
fn a_learnt_flow_of_the_node_admits_replies_and_asks_for_proof() {
    let mut node = Node::new(Kernel::load().unwrap());
    for pair in PAIRS {
        node.target.forget_flows().unwrap();
        enter(&mut node, [policy("a/p").egress([]).ingress([]).into()]);
        let flow = learnt(pair, 40_000, Opener::Remote, Ground::Node, true);
        node.target.dataplane.seed(&Flows::from([flow])).unwrap();
        let tcp = Transport::Tcp { local: 40_000, remote: 80, flags: TcpFlags::ACK };
        let [towards, from] =
            [Direction::Ingress, Direction::Egress].map(|direction| packet(pair, direction, tcp));
        assert!(send(&mut node, &from, Origin::Elsewhere));
        assert!(!send(&mut node, &towards, Origin::Elsewhere));
        assert!(send(&mut node, &towards, Origin::Node));
        let syn = Transport::Tcp { local: 40_000, remote: 80, flags: TcpFlags::SYN };
        assert!(!send(&mut node, &packet(pair, Direction::Egress, syn), Origin::Elsewhere));
    }
}

#[test]
fn learning_keeps_to_the_budget_writes_over_nothing_and_says_what_it_did() {
    let mut node = Node::new(Kernel::load().unwrap());
    enter(&mut node, []);
    node.target.set_budget(3).unwrap();
    // The program has seen the first of them opened by the other side.
    let syn = Transport::Tcp { local: 1, remote: 80, flags: TcpFlags::SYN };
    assert!(send(&mut node, &packet(PAIRS[0], Direction::Ingress, syn), Origin::Elsewhere));
    let stranger = FlowTuple { interface: 77, ..learnt(PAIRS[0], 1, Opener::Pod, Ground::Rules, true).0 };
    let known = Known { opener: Opener::Pod, ground: Ground::Rules, answered: true };
    let mut flows: Flows =
        (1..=6).map(|port| learnt(PAIRS[0], port, Opener::Pod, Ground::Rules, true)).collect();
    flows.insert(stranger, known);
    let (unanswered, _) = learnt(PAIRS[1], 7, Opener::Remote, Ground::Rules, false);
    flows.insert(unanswered, Known { answered: false, ..known });
    let seeded = node.target.dataplane.seed(&flows).unwrap();
    let expected = Seeded {
        confirmed: 3,
        opening: 1,
        unconfirmed: 2,
        known: 1,
        left_out: 0,
        without_endpoint: [77].into(),
    };
    assert_eq!(seeded, expected);
    let first = learnt(PAIRS[0], 1, Opener::Pod, Ground::Rules, true).0;
    let found = node.target.flow(&first).unwrap().expect("the flow");
    assert_eq!(found.state.judgement.opener, Opener::Remote);
    // A second time there is nothing new.
    let again = node.target.dataplane.seed(&flows).unwrap();
    assert_eq!((again.known, again.confirmed, again.opening, again.unconfirmed), (7, 0, 0, 0));
    // They are not idle from the beginning.
    let expiry = node.target.dataplane.expire_trial(&Timeouts::default(), TICKS).unwrap();
    assert_eq!((expiry.removed, expiry.confirmed, expiry.opening), (0, 3, 4));
}

/// More than the table holds is left out and counted, and what was written before it stays.
#[test]
fn what_finds_no_room_is_counted() {
    let mut node = Node::new(Kernel::load().unwrap());
    enter(&mut node, []);
    node.target.set_budget(0).unwrap();
    let flows: Flows = (0..capacity::OPENING + 5)
        .map(|number| {
            let (mut tuple, known) = learnt(PAIRS[0], 1, Opener::Pod, Ground::Rules, true);
            let [high, low] = [number >> 16, number & 0xffff].map(|half| u16::try_from(half).unwrap());
            tuple.ports = Ports { local: 40_000 + high, remote: low };
            (tuple, known)
        })
        .collect();
    let seeded = node.target.dataplane.seed(&flows).unwrap();
    assert_eq!((seeded.unconfirmed, seeded.left_out), (capacity::OPENING, 5));
    node.target.forget_flows().unwrap();
}
