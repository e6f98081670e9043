//! Each construct of a policy with an answer that was written down by hand.

mod change;
mod named_port;
mod policy_type;

use enforcer::{
    model::{Direction, PodState, Protocol},
    store::Cluster,
};

use super::{Answer, Family, Question, connects, judge, owner, with_endpoints};
use crate::builder::{
    ClusterBuilder, any, block, cluster, does_not_exist, endpoint, everything, exists, expressions, is_in,
    labels, name, not_in, pods, pods_in, policy, range, rule, sctp, tcp, udp, whole_protocol,
};

const TCP: u8 = 6;
const UDP: u8 = 17;
const SCTP: u8 = 132;
const ICMP: u8 = 1;
const ESP: u8 = 50;

/// `a/web` at .1, `a/db` at .2, `b/web` at .3; namespace `a` is team x, `b` team y.
fn base() -> ClusterBuilder {
    cluster()
        .namespace("a", [("team", "x")])
        .namespace("b", [("team", "y")])
        .pod("a/web", [("app", "web")], ["10.0.0.1", "fd00::1"])
        .pod("a/db", [("app", "db")], ["10.0.0.2", "fd00::2"])
        .pod("b/web", [("app", "web")], ["10.0.0.3"])
}

fn ask(cluster: &Cluster, direction: Direction, pod: &str, remote: &str, protocol: u8, port: u16) -> Answer {
    let subject = cluster.pods.get(&name(pod)).expect("the pod is in the cluster");
    let remote = remote.parse().expect("an IP address");
    let port = [TCP, UDP, SCTP].contains(&protocol).then_some(port);
    judge(cluster, &Question { direction, subject, remote, protocol, port })
}

fn enters(cluster: &Cluster, pod: &str, remote: &str, protocol: u8, port: u16) -> bool {
    ask(cluster, Direction::Ingress, pod, remote, protocol, port).passes()
}

/// Which of these addresses may open TCP port 80 of `a/db`.
fn entering<const N: usize>(cluster: &Cluster, remotes: [&str; N]) -> [bool; N] {
    remotes.map(|remote| enters(cluster, "a/db", remote, TCP, 80))
}

#[test]
fn isolation_is_by_direction_and_by_selected_pod() {
    let cluster = base().policy(policy("a/p").select(labels([("app", "db")])).ingress([])).build();
    let isolating = [name("a/p")].into();
    assert_eq!(ask(&cluster, Direction::Ingress, "a/db", "10.0.0.1", TCP, 80), Answer::Denied { isolating });
    assert_eq!(ask(&cluster, Direction::Egress, "a/db", "10.0.0.1", TCP, 80), Answer::NotIsolated);
    assert_eq!(ask(&cluster, Direction::Ingress, "a/web", "10.0.0.2", TCP, 80), Answer::NotIsolated);

    let cluster = base().policy(policy("a/p").egress([])).policy(policy("a/neither")).build();
    assert_eq!(ask(&cluster, Direction::Ingress, "a/db", "10.0.0.1", TCP, 80), Answer::NotIsolated);
    assert!(!ask(&cluster, Direction::Egress, "a/db", "10.0.0.1", TCP, 80).passes());
}

#[test]
fn a_policy_selects_in_its_own_namespace_only() {
    let cluster = base().policy(policy("a/p").select(labels([("app", "web")])).ingress([])).build();
    assert!(!enters(&cluster, "a/web", "10.0.0.2", TCP, 80));
    assert!(enters(&cluster, "b/web", "10.0.0.2", TCP, 80));
}

#[test]
fn all_rules_that_allow_are_named() {
    let cluster = base()
        .policy(policy("a/p").ingress([rule([], [udp(53)]), any(), rule([], [tcp(80)])]))
        .policy(policy("a/q").ingress([rule([pods(everything())], [])]))
        .policy(policy("a/r").ingress([]))
        .build();
    let by = [
        (name("a/p"), Direction::Ingress, 1),
        (name("a/p"), Direction::Ingress, 2),
        (name("a/q"), Direction::Ingress, 0),
    ];
    assert_eq!(
        ask(&cluster, Direction::Ingress, "a/db", "10.0.0.1", TCP, 80),
        Answer::Allowed { by: by.into() }
    );
}

#[test]
fn combined_selectors_are_an_and_and_two_peers_an_or() {
    let (team_x, web) = (labels([("team", "x")]), labels([("app", "web")]));
    let remotes = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.9"];
    let combined = [rule([pods_in(team_x.clone(), web.clone())], [])];
    let cluster = base().policy(policy("a/p").ingress(combined)).build();
    assert_eq!(entering(&cluster, remotes), [true, false, false, false]);

    let two = [rule([pods_in(team_x, everything()), pods_in(everything(), web)], [])];
    let cluster = base().policy(policy("a/p").ingress(two)).build();
    assert_eq!(entering(&cluster, remotes), [true, true, true, false]);
}

#[test]
fn a_pod_selector_alone_stays_in_the_policys_namespace() {
    let remotes = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.9"];
    let cluster = base().policy(policy("a/p").ingress([rule([pods(everything())], [])])).build();
    assert_eq!(entering(&cluster, remotes), [true, true, false, false]);

    // The empty namespaceSelector is every namespace, but pods only.
    let everybody = [rule([pods_in(everything(), everything())], [])];
    let cluster = base().policy(policy("a/p").ingress(everybody)).build();
    assert_eq!(entering(&cluster, remotes), [true, true, true, false]);

    // No peers at all: every address.
    let cluster = base().policy(policy("a/p").ingress([any()])).build();
    assert_eq!(entering(&cluster, remotes), [true, true, true, true]);
}

#[test]
fn operators_of_selectors() {
    let remotes = ["10.0.0.1", "10.0.0.2", "10.0.0.5"];
    let with = |requirements: Vec<_>| {
        let cluster = base()
            .pod("a/bare", [], ["10.0.0.5"])
            .policy(policy("a/p").ingress([rule([pods(expressions(requirements))], [])]))
            .build();
        entering(&cluster, remotes)
    };
    assert_eq!(with(vec![is_in("app", ["web", "x"])]), [true, false, false]);
    // A missing key is none of the values.
    assert_eq!(with(vec![not_in("app", ["web"])]), [false, true, true]);
    assert_eq!(with(vec![exists("app")]), [true, true, false]);
    assert_eq!(with(vec![does_not_exist("app")]), [false, false, true]);
    assert_eq!(with(vec![exists("app"), not_in("app", ["web"])]), [false, true, false]);
}

#[test]
fn labels_and_expressions_are_both_required() {
    let mut selector = labels([("app", "web")]);
    selector.match_expressions.push(does_not_exist("tier"));
    let cluster = base()
        .pod("a/front", [("app", "web"), ("tier", "front")], ["10.0.0.5"])
        .policy(policy("a/p").ingress([rule([pods(selector)], [])]))
        .build();
    assert_eq!(entering(&cluster, ["10.0.0.1", "10.0.0.2", "10.0.0.5"]), [true, false, false]);
}

#[test]
fn namespaces_have_their_name_as_a_label() {
    let selector = labels([("kubernetes.io/metadata.name", "b")]);
    let cluster = base().policy(policy("a/p").ingress([rule([pods_in(selector, everything())], [])])).build();
    assert_eq!(entering(&cluster, ["10.0.0.1", "10.0.0.3"]), [false, true]);
}

#[test]
fn an_unknown_namespace_matches_no_namespace_selector() {
    let any_namespace = rule([pods_in(everything(), everything())], []);
    let mut cluster =
        base().policy(policy("a/p").ingress([any_namespace, rule([pods(everything())], [])])).build();
    assert_eq!(entering(&cluster, ["10.0.0.1", "10.0.0.3"]), [true, true]);
    cluster.namespaces.clear();
    assert_eq!(entering(&cluster, ["10.0.0.1", "10.0.0.3"]), [true, false]);
}

#[test]
fn except_cuts_its_own_block_only() {
    let remotes = ["10.0.0.2", "10.0.1.1", "10.0.1.128", "10.0.2.0", "11.0.0.0", "fd00::1"];
    let wide = || rule([block("10.0.0.0/16", ["10.0.1.0/24", "10.0.2.0/24"])], []);
    let cluster = base().policy(policy("a/p").ingress([wide()])).build();
    assert_eq!(entering(&cluster, remotes), [true, false, false, false, false, false]);

    // Another rule's block, another policy's block, another peer of the same rule.
    let narrow = || block("10.0.1.128/25", []);
    let rules = base().policy(policy("a/p").ingress([wide(), rule([narrow()], [])])).build();
    let policies = base()
        .policy(policy("a/p").ingress([wide()]))
        .policy(policy("a/q").ingress([rule([narrow()], [])]))
        .build();
    let peers = [block("10.0.0.0/16", ["10.0.1.0/24", "10.0.2.0/24"]), narrow()];
    let peers = base().policy(policy("a/p").ingress([rule(peers, [])])).build();
    for cluster in [rules, policies, peers] {
        assert_eq!(entering(&cluster, remotes), [true, false, true, false, false, false]);
    }
}

#[test]
fn blocks_cover_pods_and_end_where_they_end() {
    let cluster = base().policy(policy("a/p").ingress([rule([block("10.0.0.2/31", [])], [])])).build();
    assert_eq!(
        entering(&cluster, ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]),
        [false, true, true, false]
    );
    let v6 = [rule([block("2001:db8::/33", ["2001:db8::1/128"])], [])];
    let cluster = base().policy(policy("a/p").ingress(v6)).build();
    let remotes = [
        "2001:db8::",
        "2001:db8::1",
        "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff",
        "2001:db8:8000::",
        "10.0.0.1",
    ];
    assert_eq!(entering(&cluster, remotes), [true, false, true, false, false]);
    let all = [rule([block("0.0.0.0/0", ["10.0.0.1/32"])], [])];
    let cluster = base().policy(policy("a/p").ingress(all)).build();
    assert_eq!(
        entering(&cluster, ["0.0.0.0", "255.255.255.255", "10.0.0.1", "::ffff:10.0.0.2"]),
        [true, true, false, false]
    );
}

#[test]
fn ports_ranges_and_whole_protocols() {
    let only = |port| base().policy(policy("a/p").ingress([rule([], [port])])).build();
    let opens = |cluster: &Cluster, protocol, ports: [u16; 4]| {
        ports.map(|port| enters(cluster, "a/db", "10.0.0.9", protocol, port))
    };
    let cluster = only(tcp(80));
    assert_eq!(opens(&cluster, TCP, [79, 80, 81, 0]), [false, true, false, false]);
    assert_eq!(opens(&cluster, UDP, [79, 80, 81, 0]), [false; 4]);
    let cluster = only(range(Protocol::Tcp, 80, 90));
    assert_eq!(opens(&cluster, TCP, [79, 80, 90, 91]), [false, true, true, false]);
    let cluster = only(whole_protocol(Protocol::Udp));
    assert_eq!(opens(&cluster, UDP, [0, 1, 53, 65535]), [true; 4]);
    assert_eq!(opens(&cluster, TCP, [0, 1, 53, 65535]), [false; 4]);
    let cluster = only(sctp(7));
    assert_eq!(opens(&cluster, SCTP, [6, 7, 8, 0]), [false, true, false, false]);
}

#[test]
fn rules_with_ports_cover_no_other_protocols() {
    let protocols = [TCP, UDP, SCTP, ICMP, ESP, 2, 58, 0, 255];
    let ask_all =
        |cluster: &Cluster| protocols.map(|protocol| enters(cluster, "a/db", "10.0.0.9", protocol, 80));
    let all = Protocol::ALL.map(whole_protocol);
    let cluster = base().policy(policy("a/p").ingress([rule([], all)])).build();
    assert_eq!(ask_all(&cluster), [true, true, true, false, false, false, false, false, false]);
    let cluster = base().policy(policy("a/p").ingress([any()])).build();
    assert_eq!(ask_all(&cluster), [true; 9]);
}

#[test]
fn a_rule_needs_its_peer_and_its_port() {
    let rules = [rule([block("10.0.0.1/32", [])], [tcp(80)]), rule([block("10.0.0.3/32", [])], [tcp(81)])];
    let cluster = base().policy(policy("a/p").ingress(rules)).build();
    let asked = [("10.0.0.1", 80), ("10.0.0.1", 81), ("10.0.0.3", 80), ("10.0.0.3", 81)];
    assert_eq!(
        asked.map(|(remote, port)| enters(&cluster, "a/db", remote, TCP, port)),
        [true, false, false, true]
    );
}

#[test]
fn host_network_and_finished_pods_are_neither_subject_nor_peer() {
    let everybody = [rule([pods_in(everything(), everything())], []), rule([block("10.0.0.3/32", [])], [])];
    let build = |change: fn(&mut enforcer::model::Pod)| {
        base()
            .policy(policy("a/p").ingress(everybody.clone()))
            .change("a/web", change)
            .change("b/web", change)
    };
    for change in [(|pod| pod.host_network = true) as fn(&mut enforcer::model::Pod), |pod| {
        pod.state = PodState::Finished
    }] {
        let cluster = build(change).build();
        assert_eq!(ask(&cluster, Direction::Ingress, "a/web", "10.0.0.2", TCP, 80), Answer::NotIsolated);
        // `b/web` is found by the block only, `a/web` not at all.
        assert_eq!(entering(&cluster, ["10.0.0.1", "10.0.0.3", "10.0.0.2"]), [false, true, true]);
    }
    let cluster = build(|pod| pod.state = PodState::Terminating).build();
    assert_eq!(entering(&cluster, ["10.0.0.1", "10.0.0.3"]), [true, true]);
}

#[test]
fn one_address_claimed_twice() {
    let claims = || {
        cluster().pod("a/one", [("app", "one")], ["10.0.0.1"]).pod("a/two", [("app", "two")], ["10.0.0.1"])
    };
    let address = "10.0.0.1".parse().expect("an IP address");
    let winner = |cluster: &Cluster| owner(cluster, address).map(|pod| pod.name.name.clone());
    let one = Some("one".to_owned());
    let two = Some("two".to_owned());

    // Smaller UID, then smaller name.
    assert_eq!(winner(&claims().build()), one);
    assert_eq!(winner(&claims().change("a/one", |pod| pod.uid = "z".into()).build()), two);
    // The later start before UID; no start at all comes last.
    let started = || claims().change("a/two", |pod| pod.started = Some(5));
    assert_eq!(winner(&started().build()), two);
    assert_eq!(winner(&started().change("a/one", |pod| pod.started = Some(4)).build()), two);
    assert_eq!(winner(&started().change("a/one", |pod| pod.started = Some(6)).build()), one);
    // Not terminating before terminating, before start.
    let terminating = || started().change("a/two", |pod| pod.state = PodState::Terminating);
    assert_eq!(winner(&terminating().build()), one);
    // Finished and host-network pods claim nothing.
    let gone = terminating().change("a/one", |pod| pod.state = PodState::Finished);
    assert_eq!(winner(&gone.build()), two);
    let host = terminating().change("a/one", |pod| pod.host_network = true);
    assert_eq!(winner(&host.build()), two);
    // The CNI's word comes before all that.
    let local = [endpoint("a/one", ["10.0.0.1"])];
    assert_eq!(winner(&with_endpoints(&started().build(), &local)), one);
    let elsewhere = [endpoint("a/two", ["10.0.0.7"])];
    assert_eq!(winner(&with_endpoints(&started().build(), &elsewhere)), one);
}

#[test]
fn endpoints_of_nobody_claim_nothing() {
    let cluster = base().change("a/db", |pod| pod.state = PodState::Finished).build();
    let endpoints = [endpoint("a/db", ["10.0.0.3"]), endpoint("a/ghost", ["10.0.0.1"])];
    assert_eq!(with_endpoints(&cluster, &endpoints), cluster);
}

#[test]
fn connections_ask_both_sides() {
    let pod = |cluster: &Cluster, text| cluster.pods.get(&name(text)).expect("it is there").clone();
    let tries = |cluster: &Cluster, from, to, port| {
        let (from, to) = (pod(cluster, from), pod(cluster, to));
        Family::ALL.map(|family| connects(cluster, &from, &to, family, Protocol::Tcp, port))
    };
    let db = policy("a/db").select(labels([("app", "db")]));
    let open = base().build();
    assert_eq!(tries(&open, "a/web", "a/db", 80), [true, true]);
    // `b/web` has no IPv6.
    assert_eq!(tries(&open, "a/web", "b/web", 80), [true, false]);

    let ingress = rule([pods(labels([("app", "web")]))], [tcp(80)]);
    let cluster = base().policy(db.clone().ingress([ingress]).egress([])).build();
    assert_eq!(tries(&cluster, "a/web", "a/db", 80), [true, true]);
    assert_eq!(tries(&cluster, "a/web", "a/db", 81), [false, false]);
    assert_eq!(tries(&cluster, "b/web", "a/db", 80), [false, false]);
    assert_eq!(tries(&cluster, "a/db", "a/web", 80), [false, false]);
    // To itself nothing is asked.
    assert_eq!(tries(&cluster, "a/db", "a/db", 81), [true, true]);

    let web = policy("a/web").select(labels([("app", "web")]));
    let v4_only = rule([block("10.0.0.0/24", [])], []);
    let cluster = base().policy(web.egress([v4_only])).build();
    assert_eq!(tries(&cluster, "a/web", "a/db", 80), [true, false]);
}
