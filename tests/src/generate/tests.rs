//! That the generators reach everything, and that what they make is valid.

use std::{cell::RefCell, collections::BTreeSet};

use enforcer::{
    model::{Direction, Peer, PortMatch, Ports},
    store::Cluster,
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};

use super::{Case, Census, Construct, Step, case, cluster, edit, history, story};
use crate::{frame, oracle};

fn runner(cases: u32) -> TestRunner {
    TestRunner::new_with_rng(
        Config { cases, failure_persistence: None, ..Config::default() },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    )
}

#[test]
fn every_construct_is_generated() {
    let census = RefCell::new(Census::default());
    runner(1000)
        .run(&(case(16), history(32), story(80)), |(case, history, story)| {
            census.borrow_mut().case(&case);
            census.borrow_mut().history(&history);
            census.borrow_mut().story(&story);
            Ok(())
        })
        .expect("counting fails nowhere");
    let census = census.into_inner();
    println!("{census}");
    census.assert_complete(Construct::ALL);
    // Once is luck. What takes several frames or changes that fit together is rarer.
    for &construct in Construct::ALL {
        let takes_several = construct.is_of_packets() || construct == Construct::FlowServiceKept;
        let least = if takes_several { 2 } else { 10 };
        assert!(census.count(construct) >= least, "rare: {construct}");
    }
}

/// What the API server, or `source`, would have refused.
fn assert_valid(cluster: &Cluster) {
    for (name, pod) in &cluster.pods {
        assert_eq!(name, &pod.name);
        assert!(cluster.namespaces.contains_key(&name.namespace));
        assert!(pod.addresses.iter().filter(|address| address.is_ipv4()).count() <= 1);
        assert!(pod.addresses.iter().filter(|address| address.is_ipv6()).count() <= 1);
    }
    for (name, policy) in &cluster.policies {
        assert_eq!(name, &policy.name);
        for rule in Direction::ALL.iter().filter_map(|&direction| policy.rules(direction)).flatten() {
            assert!(rule.peers.as_ref().is_none_or(|peers| !peers.is_empty()));
            for peer in rule.peers.iter().flatten() {
                let Peer::IpBlock(block) = peer else { continue };
                assert_eq!(block.cidr, block.cidr.trunc());
                for except in &block.except {
                    assert_eq!(*except, except.trunc());
                    assert!(block.cidr.contains(except) && *except != block.cidr);
                }
            }
            if let Ports::Listed(list) = &rule.ports {
                assert!(!list.is_empty());
                assert!(list.iter().all(|entry| match entry {
                    PortMatch::Range(range) => range.first <= range.last,
                    PortMatch::Named(named) => !named.name.is_empty(),
                }));
            }
        }
    }
}

#[test]
fn clusters_are_valid_and_stay_valid_when_edited() {
    let edits = proptest::collection::vec(edit(), 0..20);
    runner(300)
        .run(&(cluster(), edits), |(mut cluster, edits)| {
            assert_valid(&cluster);
            for edit in &edits {
                if let Some(event) = edit.event(&cluster) {
                    cluster.apply(event);
                }
            }
            assert_valid(&cluster);
            Ok(())
        })
        .expect("all clusters are valid");
}

#[test]
fn packets_are_whole_and_one_conversation_is_one_flow() {
    runner(300)
        .run(&history(1..32), |history| {
            let keys: BTreeSet<_> = history
                .steps
                .iter()
                .filter_map(|step| match step {
                    Step::Packet(packet) => Some(packet),
                    Step::Change(_) => None,
                })
                .inspect(|packet| {
                    assert!(frame::ethernet(packet).len() > 34);
                    assert!(history.endpoint.addresses.contains(&packet.local));
                    assert!(!history.endpoint.addresses.contains(&packet.remote));
                })
                .map(oracle::flow::Key::of)
                .collect();
            // An ICMP conversation has a key for each side that asks, and one for what is no echo.
            prop_assert!(keys.len() <= 9);
            Ok(())
        })
        .expect("all packets can be built");
}

#[test]
fn opening_packets_ask_what_their_probe_asks() {
    runner(300)
        .run(&case(16), |case| {
            for probe in &case.probes {
                let question = probe.question(&case.cluster).expect("the subject is in the cluster");
                for packet in question.subject.addresses.iter().filter_map(|&local| probe.packet(local)) {
                    prop_assert_eq!(packet.protocol(), probe.protocol);
                    prop_assert_eq!(packet.remote, probe.remote);
                    prop_assert_eq!(packet.ports().map(|(_, destination)| destination), probe.port);
                    prop_assert_eq!(oracle::flow::Segment::of(&packet), oracle::flow::Segment::Opens);
                }
            }
            Ok(())
        })
        .expect("packets fit their probes");
}

/// A denied probe needs a pod and a policy. The shrinker goes over everything once, so a bystander may
/// stay; a crowd may not.
#[test]
fn cases_shrink_to_what_matters() {
    let denied = |case: &Case| {
        case.probes.iter().any(|probe| {
            let question = probe.question(&case.cluster).expect("the subject is in the cluster");
            !oracle::judge(&case.cluster, &question).passes()
        })
    };
    let mut runner = runner(1);
    let strategy = case(1..16);
    for _ in 0..20 {
        let mut tree = strategy.new_tree(&mut runner).expect("a case");
        if !denied(&tree.current()) {
            continue;
        }
        loop {
            let shrunk = if denied(&tree.current()) { tree.simplify() } else { tree.complicate() };
            if !shrunk {
                break;
            }
        }
        let Case { cluster, probes } = tree.current();
        assert_eq!(probes.len(), 1);
        assert!(cluster.pods.len() <= 2 && cluster.policies.len() <= 2, "{cluster:#?}");
    }
}
