//! Level 1: an endpoint's own addresses come and go, write by write.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use enforcer::{
    model::{Direction, Endpoint, Rule},
    plan::MapOp,
    store::Cluster,
};
use enforcer_common::packet::Origin;
use enforcer_tests::{
    builder::{any, cluster, endpoint, policy},
    frame::{self, Packet, TcpFlags, Transport},
    node::{At, Host, Node, Seen, Target as _},
};

/// The pod's first address, and one that it does not always have.
const LASTING: &str = "10.0.0.1";
const OTHER: &str = "10.0.0.3";

/// A pod whose egress these rules isolate; `None`: nothing does.
fn scene(rules: Option<Vec<Rule>>) -> Cluster {
    let scene = cluster().pod("a/pod", [("app", "pod")], [LASTING, OTHER]);
    rules.into_iter().fold(scene, |scene, rules| scene.policy(policy("a/p").egress(rules))).build()
}

fn with<const N: usize>(addresses: [&str; N]) -> [Endpoint; 1] {
    [endpoint("a/pod", addresses)]
}

fn passes(host: &mut Host, local: &str, flags: TcpFlags, port: u16) -> bool {
    judge(host, local, flags, port).unwrap().passed
}

fn judge(host: &mut Host, local: &str, flags: TcpFlags, port: u16) -> anyhow::Result<Seen> {
    let [local, remote] = [local, "10.0.0.9"].map(|text| text.parse().unwrap());
    let transport = Transport::Tcp { local: port, remote: 80, flags };
    let frame = frame::ethernet(&Packet { direction: Direction::Egress, local, remote, transport });
    let direction = Direction::Egress.into();
    host.judge(&At { frame: &frame, interface: 1, direction, origin: Origin::Elsewhere })
}

/// Rules before and after: nothing, everything open, nothing open.
fn changes() -> Vec<[Option<Vec<Rule>>; 2]> {
    let rules = [None, Some(vec![any()]), Some(Vec::new())];
    rules.iter().flat_map(|before| rules.iter().map(|after| [before.clone(), after.clone()])).collect()
}

/// Its flow went on for as long as it was used: it was judged again just before the address went, and not after that.
#[test]
fn a_flow_ends_with_its_address() {
    for [before, after] in changes() {
        // Each flow sends after one of the writes, and one of them after all.
        let mut node = Node::new(Host::default());
        let opens = before.as_ref().is_none_or(|rules| !rules.is_empty());
        let (scene_before, scene_after) = (scene(before), scene(after));
        node.update(&scene_before, &with([LASTING, OTHER])).unwrap();
        for port in 40_000..40_040 {
            assert_eq!(passes(&mut node.target, OTHER, TcpFlags::SYN, port), opens);
        }
        let mut written = 0;
        node.update_by_steps(&scene_after, &with([LASTING]), |host, _| {
            let passed = passes(host, OTHER, TcpFlags::ACK, 40_000);
            let alone = passes(host, OTHER, TcpFlags::ACK, 40_001 + written);
            assert_eq!(passed, alone);
            assert!(opens || !passed, "it passes neither before nor afterwards");
            written += 1;
        })
        .unwrap();
        assert!((1..39).contains(&written));
        for port in 40_000..40_040 {
            assert!(!passes(&mut node.target, OTHER, TcpFlags::ACK, port), "port {port}");
            assert!(!passes(&mut node.target, OTHER, TcpFlags::SYN, port), "port {port}");
        }
    }
}

#[test]
fn an_address_that_comes_or_goes_with_the_rules_gets_no_third_verdict() {
    for [before, after] in changes() {
        let opens = |rules: &Option<Vec<Rule>>| rules.as_ref().is_none_or(|rules| !rules.is_empty());
        let [old, new] = [opens(&before), opens(&after)];
        let (before, after) = (scene(before), scene(after));
        let (both, one) = (with([LASTING, OTHER]), with([LASTING]));
        for (first, then, verdicts) in [(&both, &one, [old, false]), (&one, &both, [false, new])] {
            let mut node = Node::new(Host::default());
            node.update(&before, first).unwrap();
            node.update_by_steps(&after, then, |host, op| {
                // On tables without flows: each packet is the first.
                let passed = passes(&mut Host::with(host.tables.image.clone()), OTHER, TcpFlags::SYN, 40_000);
                assert!(
                    verdicts.contains(&passed),
                    "{passed} after {op:?}, {verdicts:?} before and afterwards"
                );
            })
            .unwrap();
            assert_eq!(passes(&mut node.target, OTHER, TcpFlags::SYN, 40_000), verdicts[1]);
        }
    }
}

/// Another pod comes into the place of one: its flows do not go on as the new one's.
#[test]
fn a_flow_ends_with_its_pod() {
    let cluster =
        cluster().pod("a/old", [("app", "x")], [LASTING]).pod("a/new", [("app", "x")], [OTHER]).build();
    let mut node = Node::new(Host::default());
    node.update(&cluster, &[endpoint("a/old", [LASTING])]).unwrap();
    for port in 40_000..40_040 {
        assert!(passes(&mut node.target, LASTING, TcpFlags::SYN, port));
    }
    let mut port = 40_000;
    node.update_by_steps(&cluster, &[endpoint("a/new", [OTHER])], |host, op| {
        if *op != MapOp::Grace {
            // Until the generation moves on it passes as the old pod's, with that one's token.
            drop(judge(host, LASTING, TcpFlags::ACK, port));
            port += 1;
        }
    })
    .unwrap();
    for port in 40_000..40_040 {
        assert!(!passes(&mut node.target, LASTING, TcpFlags::ACK, port));
    }
    assert!(passes(&mut node.target, OTHER, TcpFlags::SYN, 40_000));
}
