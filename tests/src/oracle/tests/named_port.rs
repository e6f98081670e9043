//! Named ports, resolved on the pod that a packet goes to.

use enforcer::{
    model::{Direction, PodState, Protocol},
    store::Cluster,
};

use super::{SCTP, TCP, UDP, ask, base, enters};
use crate::{
    builder::{ClusterBuilder, any, block, labels, name, named, pods, policy, rule, tcp},
    oracle::Answer,
};

/// Which of these destinations `a/web` may open by TCP.
fn leaving<const N: usize>(cluster: &Cluster, to: [(&str, u16); N]) -> [bool; N] {
    to.map(|(remote, port)| ask(cluster, Direction::Egress, "a/web", remote, TCP, port).passes())
}

/// Three pods call different numbers "http".
fn named_base() -> ClusterBuilder {
    base()
        .port("a/web", "http", Protocol::Tcp, 80)
        .port("a/db", "http", Protocol::Tcp, 8080)
        .port("b/web", "http", Protocol::Tcp, 9090)
        .port("b/web", "metrics", Protocol::Tcp, 9100)
}

#[test]
fn ingress_resolves_a_name_on_the_subject() {
    let http = || [rule([], [named(Protocol::Tcp, "http")])];
    let cluster = named_base().policy(policy("a/p").ingress(http())).build();
    // The number that the sender gives to the name, or any other pod, does not count.
    for (pod, opens) in [("a/web", [true, false, false]), ("a/db", [false, true, false])] {
        let seen = [80, 8080, 9090].map(|port| enters(&cluster, pod, "10.0.0.3", TCP, port));
        assert_eq!(seen, opens, "{pod}");
    }
    assert_eq!(
        ask(&cluster, Direction::Ingress, "a/db", "10.0.0.3", TCP, 8080),
        Answer::Allowed { by: [(name("a/p"), Direction::Ingress, 0)].into() }
    );
}

#[test]
fn a_name_with_another_protocol_is_another_port() {
    let cluster = base()
        .port("a/db", "dns", Protocol::Udp, 53)
        .port("a/db", "dns", Protocol::Tcp, 5353)
        .policy(policy("a/p").ingress([rule([], [named(Protocol::Udp, "dns")])]))
        .build();
    let asked = [(UDP, 53), (TCP, 53), (UDP, 5353), (TCP, 5353), (SCTP, 53)];
    let seen = asked.map(|(protocol, port)| enters(&cluster, "a/db", "10.0.0.1", protocol, port));
    assert_eq!(seen, [true, false, false, false, false]);
}

#[test]
fn several_containers_give_one_name_to_several_ports() {
    let cluster = base()
        .port("a/db", "metrics", Protocol::Tcp, 9100)
        .port("a/db", "metrics", Protocol::Tcp, 9200)
        .policy(policy("a/p").ingress([rule([], [named(Protocol::Tcp, "metrics")])]))
        .policy(policy("b/p").egress([rule([], [named(Protocol::Tcp, "metrics")])]))
        .build();
    let seen = [9100, 9150, 9200].map(|port| enters(&cluster, "a/db", "10.0.0.1", TCP, port));
    assert_eq!(seen, [true, false, true]);
    let leaves = |port| ask(&cluster, Direction::Egress, "b/web", "10.0.0.2", TCP, port).passes();
    assert_eq!([9100, 9150, 9200].map(leaves), [true, false, true]);
}

#[test]
fn egress_resolves_a_name_on_each_peer() {
    let peers = [pods(labels([("app", "db")])), pods(labels([("app", "cache")]))];
    let cluster = named_base()
        .pod("a/cache", [("app", "cache")], ["10.0.0.5"])
        .port("a/cache", "http", Protocol::Tcp, 6379)
        .policy(policy("a/p").egress([rule(peers, [named(Protocol::Tcp, "http")])]))
        .build();
    let to = [
        ("10.0.0.2", 8080),
        ("10.0.0.2", 6379),
        ("10.0.0.5", 6379),
        ("10.0.0.5", 8080),
        // The subject's own number.
        ("10.0.0.2", 80),
        // No peer of the rule.
        ("10.0.0.3", 9090),
    ];
    assert_eq!(leaving(&cluster, to), [true, false, true, false, false, false]);
}

#[test]
fn egress_without_peers_resolves_a_name_on_whoever_has_the_address() {
    let rules = [rule([], [named(Protocol::Tcp, "http")])];
    let cluster = named_base().policy(policy("a/p").egress(rules)).build();
    let to =
        [("10.0.0.2", 8080), ("10.0.0.3", 9090), ("fd00::2", 8080), ("10.0.0.3", 9100), ("10.0.0.9", 80)];
    assert_eq!(leaving(&cluster, to), [true, true, true, false, false]);
}

#[test]
fn a_block_resolves_a_name_on_the_pod_that_it_covers() {
    let rules = [rule([block("10.0.0.0/30", ["10.0.0.3/32"])], [named(Protocol::Tcp, "http")])];
    let cluster = named_base().policy(policy("a/p").egress(rules)).build();
    let to = [("10.0.0.2", 8080), ("10.0.0.2", 9090), ("10.0.0.3", 9090), ("fd00::2", 8080)];
    assert_eq!(leaving(&cluster, to), [true, false, false, false]);
}

#[test]
fn addresses_without_a_pod_have_no_named_ports() {
    let rules = [rule([block("0.0.0.0/0", [])], [named(Protocol::Tcp, "http")])];
    let with = |change: fn(&mut enforcer::model::Pod)| {
        let rules = rules.clone();
        let cluster = named_base().policy(policy("a/p").egress(rules)).change("b/web", change).build();
        leaving(&cluster, [("10.0.0.3", 9090), ("10.0.0.9", 80)])
    };
    assert_eq!(with(|_| {}), [true, false]);
    assert_eq!(with(|pod| pod.state = PodState::Terminating), [true, false]);
    assert_eq!(with(|pod| pod.state = PodState::Finished), [false, false]);
    assert_eq!(with(|pod| pod.host_network = true), [false, false]);
}

#[test]
fn a_name_that_nobody_has_isolates_and_allows_nothing() {
    let unknown = || [rule([], [named(Protocol::Tcp, "nobody")])];
    let cluster = named_base().policy(policy("a/p").ingress(unknown()).egress(unknown())).build();
    for direction in Direction::ALL {
        let answer = ask(&cluster, direction, "a/db", "10.0.0.1", TCP, 80);
        assert_eq!(answer, Answer::Denied { isolating: [name("a/p")].into() });
    }
    // Another entry, and another rule, go on allowing.
    let more = [rule([], [named(Protocol::Tcp, "nobody"), tcp(81)]), rule([block("10.0.0.9/32", [])], [])];
    let cluster = named_base().policy(policy("a/p").ingress(more)).build();
    assert!(enters(&cluster, "a/db", "10.0.0.1", TCP, 81));
    assert!(!enters(&cluster, "a/db", "10.0.0.1", TCP, 80));
    assert!(enters(&cluster, "a/db", "10.0.0.9", TCP, 80));
}

#[test]
fn a_named_port_that_is_a_number_elsewhere_adds_to_it() {
    let rules = [rule([], [named(Protocol::Tcp, "http"), tcp(443)]), any()];
    let cluster = named_base().policy(policy("a/p").ingress(rules)).build();
    let by = |rules: &[usize]| Answer::Allowed {
        by: rules.iter().map(|index| (name("a/p"), Direction::Ingress, *index)).collect(),
    };
    let answer = |port| ask(&cluster, Direction::Ingress, "a/db", "10.0.0.1", TCP, port);
    assert_eq!([answer(8080), answer(443), answer(80)], [by(&[0, 1]), by(&[0, 1]), by(&[1])]);
}
