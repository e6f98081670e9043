//! Sentences of DESIGN section 3.6, each with packets.

use enforcer::{
    model::{Direction, Policy},
    store::Cluster,
};

use proptest::{prelude::*, test_runner::Config};

use super::{FlowOracle, Opener, Outcome};
use crate::{
    builder::{any, block, cluster, endpoint, policy, rule, tcp, udp},
    frame::{Packet, SctpChunk, TcpFlags, Transport},
    generate::{Step, history},
};
use Outcome::{Drop, Pass};

const PEER: &str = "10.0.0.2";

fn with<const N: usize>(policies: [Policy; N]) -> Cluster {
    let base = cluster().pod("a/pod", [("app", "pod")], ["10.0.0.1"]).pod("a/peer", [], [PEER]);
    policies.into_iter().fold(base, crate::builder::ClusterBuilder::policy).build()
}

fn oracle<const N: usize>(policies: [Policy; N]) -> FlowOracle {
    FlowOracle::new(&with(policies), &endpoint("a/pod", ["10.0.0.1"]))
}

fn deny_all() -> Policy {
    policy("a/deny").ingress([]).egress([]).into()
}

fn packet(direction: Direction, transport: Transport) -> Packet {
    let [local, remote] = ["10.0.0.1", PEER].map(|text| text.parse().expect("an IP address"));
    Packet { direction, local, remote, transport }
}

/// From the pod, its port 40000, the peer's port 80.
fn out(flags: TcpFlags) -> Packet {
    packet(Direction::Egress, Transport::Tcp { local: 40000, remote: 80, flags })
}

/// The same flow, towards the pod.
fn back(flags: TcpFlags) -> Packet {
    out(flags).reversed()
}

fn feed<const N: usize>(oracle: &mut FlowOracle, packets: [Packet; N]) -> [Outcome; N] {
    packets.map(|packet| oracle.packet(&packet))
}

fn opener(oracle: &FlowOracle, packet: &Packet) -> Option<Opener> {
    oracle.entry(packet).map(|entry| entry.opener)
}

#[test]
fn replies_pass_where_ingress_is_isolated() {
    let mut oracle = oracle([policy("a/in").ingress([]).into()]);
    let packets = [back(TcpFlags::SYN_ACK), out(TcpFlags::SYN), back(TcpFlags::SYN_ACK), back(TcpFlags::ACK)];
    assert_eq!(feed(&mut oracle, packets), [Drop, Pass, Pass, Pass]);
    assert_eq!(opener(&oracle, &out(TcpFlags::ACK)), Some(Opener::Pod));
}

#[test]
fn a_denied_opening_leaves_nothing() {
    let mut oracle = oracle([policy("a/out").egress([]).into()]);
    assert_eq!(feed(&mut oracle, [out(TcpFlags::SYN)]), [Drop]);
    assert_eq!(oracle.entry(&out(TcpFlags::SYN)), None);
    // The peer may open the same tuple, and then the pod's replies pass.
    let packets = [back(TcpFlags::SYN), out(TcpFlags::SYN_ACK), out(TcpFlags::ACK), out(TcpFlags::SYN)];
    assert_eq!(feed(&mut oracle, packets), [Pass, Pass, Pass, Drop]);
    assert_eq!(opener(&oracle, &out(TcpFlags::ACK)), Some(Opener::Peer));
}

#[test]
fn what_never_makes_an_entry() {
    let mut oracle = oracle([]);
    let impossible = [
        TcpFlags::NONE,
        TcpFlags::FIN,
        TcpFlags::FIN | TcpFlags::PSH,
        TcpFlags::SYN | TcpFlags::FIN,
        TcpFlags::SYN | TcpFlags::RST,
        TcpFlags::SYN_ACK,
        TcpFlags::RST,
        TcpFlags::RST | TcpFlags::ACK,
        TcpFlags(0xff),
    ];
    for flags in impossible {
        assert_eq!(feed(&mut oracle, [out(flags), back(flags)]), [Pass, Pass]);
        assert_eq!(oracle.entry(&out(flags)), None, "{flags:?}");
    }
    for chunk in [SctpChunk::INIT_ACK, SctpChunk::ABORT] {
        let packet = packet(Direction::Egress, Transport::Sctp { local: 1, remote: 2, chunk });
        assert_eq!(oracle.packet(&packet), Pass);
        assert_eq!(oracle.entry(&packet), None, "{chunk:?}");
    }
    for kind in [0, 13] {
        let packet = packet(Direction::Egress, Transport::Icmp { kind, code: 0, identifier: 9 });
        assert_eq!(oracle.packet(&packet), Pass);
        assert_eq!(oracle.entry(&packet), None, "{kind}");
    }
}

#[test]
fn mid_stream_in_an_isolated_direction_takes_its_sender_as_opener() {
    let mut oracle = oracle([policy("a/out").egress([rule([], [tcp(80)])]).into()]);
    assert_eq!(feed(&mut oracle, [back(TcpFlags::ACK)]), [Pass]);
    assert_eq!(oracle.entry(&back(TcpFlags::ACK)), None, "egress is isolated, ingress is not");
    assert_eq!(feed(&mut oracle, [out(TcpFlags::ACK)]), [Pass]);
    assert_eq!(opener(&oracle, &out(TcpFlags::ACK)), Some(Opener::Pod));
    let other =
        packet(Direction::Egress, Transport::Tcp { local: 40000, remote: 81, flags: TcpFlags::FIN_ACK });
    assert_eq!(oracle.packet(&other), Drop);
    assert_eq!(oracle.entry(&other), None);
}

#[test]
fn an_unknown_opener_needs_both_directions() {
    let by_opener = |policies: [Policy; 1]| {
        let mut oracle = oracle([]);
        assert_eq!(feed(&mut oracle, [out(TcpFlags::ACK)]), [Pass]);
        assert_eq!(opener(&oracle, &out(TcpFlags::ACK)), Some(Opener::Unknown));
        oracle.update(&with(policies));
        feed(&mut oracle, [out(TcpFlags::ACK), back(TcpFlags::ACK)])
    };
    // Egress judges the peer's port 80, ingress the pod's port 40000.
    let both = policy("a/p").ingress([rule([], [tcp(40000)])]).egress([rule([], [tcp(80)])]);
    assert_eq!(by_opener([both.into()]), [Pass, Pass]);
    let swapped = policy("a/p").ingress([rule([], [tcp(80)])]).egress([rule([], [tcp(40000)])]);
    assert_eq!(by_opener([swapped.into()]), [Drop, Drop]);
    assert_eq!(by_opener([policy("a/p").ingress([]).into()]), [Drop, Drop]);
    assert_eq!(by_opener([policy("a/p").egress([]).into()]), [Drop, Drop]);
}

#[test]
fn a_flow_that_is_now_denied_stays_denied_from_both_sides() {
    let mut oracle = oracle([]);
    assert_eq!(feed(&mut oracle, [out(TcpFlags::SYN), back(TcpFlags::SYN_ACK)]), [Pass, Pass]);
    oracle.update(&with([policy("a/out").egress([]).into()]));
    // Ingress is not isolated, yet the peer's packets are dropped: the flow was the pod's.
    let packets = [back(TcpFlags::ACK), out(TcpFlags::ACK), back(TcpFlags::ACK), out(TcpFlags::SYN)];
    assert_eq!(feed(&mut oracle, packets), [Drop; 4]);
    assert!(oracle.entry(&out(TcpFlags::ACK)).is_some_and(|entry| entry.denied));
    // A SYN of the peer is a flow of the peer's.
    assert_eq!(feed(&mut oracle, [back(TcpFlags::SYN), out(TcpFlags::ACK)]), [Pass, Pass]);
    assert_eq!(opener(&oracle, &out(TcpFlags::ACK)), Some(Opener::Peer));
}

#[test]
fn a_later_generation_revives() {
    let mut oracle = oracle([]);
    feed(&mut oracle, [out(TcpFlags::SYN)]);
    oracle.update(&with([deny_all()]));
    assert_eq!(feed(&mut oracle, [back(TcpFlags::ACK)]), [Drop]);
    oracle.update(&with([policy("a/out").egress([any()]).ingress([]).into()]));
    assert_eq!(feed(&mut oracle, [back(TcpFlags::ACK), out(TcpFlags::ACK)]), [Pass, Pass]);
}

#[test]
fn an_entry_is_judged_in_its_openers_direction_again() {
    let mut oracle = oracle([]);
    feed(&mut oracle, [out(TcpFlags::SYN)]);
    // The reply's own direction denies, the opener's allows.
    oracle.update(&with([policy("a/p").egress([rule([], [tcp(80)])]).ingress([]).into()]));
    assert_eq!(feed(&mut oracle, [back(TcpFlags::ACK)]), [Pass]);
    let [closed] = [policy("a/p").egress([rule([], [tcp(81)])]).ingress([any()]).into()];
    oracle.update(&with([closed]));
    assert_eq!(feed(&mut oracle, [back(TcpFlags::ACK)]), [Drop]);
}

#[test]
fn a_syn_against_the_flow_is_judged_as_new_and_may_fail_without_harm() {
    let mut oracle = oracle([policy("a/in").ingress([]).into()]);
    let packets = [out(TcpFlags::SYN), back(TcpFlags::SYN), back(TcpFlags::ACK), out(TcpFlags::ACK)];
    assert_eq!(feed(&mut oracle, packets), [Pass, Drop, Pass, Pass]);
    assert_eq!(opener(&oracle, &out(TcpFlags::ACK)), Some(Opener::Pod));
}

#[test]
fn a_syn_on_a_flow_of_unknown_opener_settles_who_opened() {
    for (syn, expected) in [(out(TcpFlags::SYN), Opener::Pod), (back(TcpFlags::SYN), Opener::Peer)] {
        let mut oracle = oracle([]);
        assert_eq!(feed(&mut oracle, [back(TcpFlags::ACK), syn]), [Pass, Pass]);
        assert_eq!(opener(&oracle, &syn), Some(expected));
    }
}

#[test]
fn a_stale_entry_and_a_denied_syn_stay_apart() {
    let mut oracle = oracle([]);
    feed(&mut oracle, [out(TcpFlags::SYN)]);
    oracle.update(&with([policy("a/in").ingress([]).into()]));
    assert_eq!(feed(&mut oracle, [back(TcpFlags::SYN)]), [Drop]);
    let entry = *oracle.entry(&out(TcpFlags::ACK)).expect("the pod's flow");
    assert!(!oracle.is_current(&entry) && !entry.denied);
    assert_eq!(feed(&mut oracle, [back(TcpFlags::ACK)]), [Pass]);
}

#[test]
fn udp_opens_with_any_packet_and_answers_only_its_opener() {
    let query = packet(Direction::Egress, Transport::Udp { local: 5000, remote: 53 });
    let mut oracle = oracle([policy("a/p").egress([rule([], [udp(53)])]).ingress([]).into()]);
    let packets = [query.reversed(), query, query.reversed(), query];
    assert_eq!(feed(&mut oracle, packets), [Drop, Pass, Pass, Pass]);
    oracle.update(&with([deny_all()]));
    assert_eq!(feed(&mut oracle, [query.reversed(), query, query.reversed()]), [Drop; 3]);
    // The peer may now open, but this flow was the pod's.
    oracle.update(&with([policy("a/p").egress([]).ingress([any()]).into()]));
    assert_eq!(feed(&mut oracle, [query.reversed(), query]), [Drop, Drop]);
    oracle.update(&with([policy("a/p").egress([any()]).ingress([]).into()]));
    assert_eq!(feed(&mut oracle, [query, query.reversed()]), [Pass, Pass]);
}

#[test]
fn echo_replies_follow_requests() {
    let ping = |kind, identifier| packet(Direction::Egress, Transport::Icmp { kind, code: 0, identifier });
    let mut oracle = oracle([policy("a/p").egress([any()]).ingress([]).into()]);
    let packets = [ping(8, 7), ping(0, 7).reversed(), ping(0, 8).reversed(), ping(8, 8).reversed()];
    assert_eq!(feed(&mut oracle, packets), [Pass, Pass, Drop, Drop]);
    assert_eq!(opener(&oracle, &ping(8, 7)), Some(Opener::Pod));
    // The peer's own request with the same identifier is another flow, and errors belong to none.
    assert_eq!(feed(&mut oracle, [ping(8, 7).reversed(), ping(3, 7).reversed()]), [Drop, Drop]);
}

#[test]
fn other_protocols_open_with_any_packet() {
    let esp = packet(Direction::Egress, Transport::Other { protocol: 50 });
    let gre = packet(Direction::Egress, Transport::Other { protocol: 47 });
    let mut oracle = oracle([policy("a/p").egress([rule([block("10.0.0.0/8", [])], [])]).ingress([]).into()]);
    assert_eq!(feed(&mut oracle, [gre.reversed(), esp, esp.reversed()]), [Drop, Pass, Pass]);
    assert_eq!(feed(&mut oracle, [gre.reversed()]), [Drop]);
}

#[test]
fn sctp_is_like_tcp() {
    let chunk = |chunk| packet(Direction::Egress, Transport::Sctp { local: 1, remote: 2, chunk });
    let mut oracle = oracle([policy("a/in").ingress([]).into()]);
    let packets = [
        chunk(SctpChunk::INIT_ACK).reversed(),
        chunk(SctpChunk::INIT),
        chunk(SctpChunk::INIT_ACK).reversed(),
        chunk(SctpChunk::DATA).reversed(),
        chunk(SctpChunk::INIT).reversed(),
    ];
    assert_eq!(feed(&mut oracle, packets), [Drop, Pass, Pass, Pass, Drop]);
}

#[test]
fn the_cnis_address_counts_for_the_pod_and_its_peers() {
    // The API knows another address of the pod, which belongs to nobody here.
    let base = cluster().pod("a/pod", [], ["10.0.0.9"]).policy(policy("a/in").ingress([])).build();
    let mut oracle = FlowOracle::new(&base, &endpoint("a/pod", ["10.0.0.1"]));
    assert_eq!(feed(&mut oracle, [back(TcpFlags::SYN)]), [Drop]);
}

proptest! {
    #![proptest_config(Config { cases: 200, failure_persistence: None, ..Config::default() })]

    /// The header of this module claims it, and the agent's sparing bumps rest on it.
    #[test]
    fn judging_again_without_a_change_finds_nothing_new(history in history(1..40)) {
        let mut cluster = history.cluster.clone();
        let mut calm = FlowOracle::new(&cluster, &history.endpoint);
        let mut restless = calm.clone();
        for step in &history.steps {
            match step {
                Step::Packet(packet) => {
                    restless.update(&cluster);
                    prop_assert_eq!(calm.packet(packet), restless.packet(packet), "{}", packet);
                }
                Step::Change(event) => {
                    cluster.apply(event.clone());
                    calm.update(&cluster);
                    restless.update(&cluster);
                }
            }
        }
    }
}
