//! Levels 1–2: flows on the host: the table of cases.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, net::IpAddr};

use enforcer::model::Direction;
use enforcer_common::flow::{Ground, Opener};
use enforcer_tests::{
    builder::{any, cluster, endpoint, policy},
    flow_case::{Step, cases, play},
    frame::{Content, Datagram, Frame, IcmpError, Packet, Quote, Transport, ethernet},
    node::{Host, Node, Target as _, tuple_of},
    oracle::Family,
};

#[test]
fn every_case_comes_out_as_written() {
    let mut failed = Vec::new();
    for case in cases() {
        for family in Family::ALL {
            match play(&mut Node::new(Host::default()), &case, family) {
                Ok(played) => {
                    assert!(played.passed > 0 || played.dropped > 0, "{} has no packets", case.name)
                }
                Err(error) => failed.push(format!("{error:#}")),
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn the_cases_have_every_kind_of_entry() {
    let entries: Vec<_> = cases()
        .into_iter()
        .flat_map(|case| case.steps)
        .filter_map(|step| if let Step::Says { entry, .. } = step { entry } else { None })
        .collect();
    let openers: BTreeSet<Opener> = entries.iter().map(|entry| entry.opener).collect();
    let grounds: BTreeSet<Ground> = entries.iter().map(|entry| entry.ground).collect();
    assert_eq!((openers.len(), grounds.len()), (3, 3));
    for wanted in [true, false] {
        assert!(entries.iter().any(|entry| entry.denied == wanted));
        assert!(entries.iter().any(|entry| entry.current == wanted));
        assert!(entries.iter().any(|entry| entry.confirmed == wanted));
    }
}

/// "They never create, refresh, change or revive an entry."
#[test]
fn an_error_leaves_the_entry_of_its_flow_as_it_is() {
    let scene = cluster().pod("a/pod", [], ["10.0.0.1"]).policy(policy("a/pod").egress([any()])).build();
    let mut node = Node::new(Host::default());
    node.update(&scene, &[endpoint("a/pod", ["10.0.0.1"])]).unwrap();
    let [local, remote]: [IpAddr; 2] = [[10, 0, 0, 1].into(), [10, 0, 0, 9].into()];
    let transport = Transport::Udp { local: 5353, remote: 53 };
    let query = Packet { direction: Direction::Egress, local, remote, transport };
    let quote = Quote::Packet(Box::new(Content::Whole(Datagram::new(query))), 8);
    let unreachable = Datagram::new(query.reversed()).with_error(IcmpError { kind: 3, code: 3, quote });

    let flow = tuple_of(&query, 1);
    assert!(node.judge(&ethernet(&query), 1, Direction::Egress).unwrap().passed);
    let opened = node.target.flow(&flow).unwrap().expect("the flow");
    node.target.now = 1000;
    assert!(node.judge(&Frame::whole(unreachable).bytes(), 1, Direction::Ingress).unwrap().passed);
    assert_eq!(node.target.flow(&flow).unwrap(), Some(opened));
    // An answer does refresh it.
    assert!(node.judge(&ethernet(&query.reversed()), 1, Direction::Ingress).unwrap().passed);
    assert_ne!(node.target.flow(&flow).unwrap(), Some(opened));
}

/// Its next change is counted where the pod is now.
#[test]
fn a_flow_goes_over_to_the_slot_of_the_pod_that_takes_its_address() {
    let scene = cluster().pod("a/old", [], ["10.0.0.1"]).pod("a/new", [], ["10.0.0.1"]);
    let scene = scene.policy(policy("a/all").egress([any()])).build();
    let mut node = Node::new(Host::default());
    let [local, remote]: [IpAddr; 2] = [[10, 0, 0, 1].into(), [10, 0, 0, 9].into()];
    let transport = Transport::Udp { local: 5353, remote: 53 };
    let query = Packet { direction: Direction::Egress, local, remote, transport };
    for pod in ["a/old", "a/new"] {
        node.update(&scene, &[endpoint(pod, ["10.0.0.1"])]).unwrap();
        assert!(node.judge(&ethernet(&query), 1, Direction::Egress).unwrap().passed);
        // An answer does not open: it is judged again, and only that.
        assert!(node.judge(&ethernet(&query.reversed()), 1, Direction::Ingress).unwrap().passed);
        let judgement = node.target.flow(&tuple_of(&query, 1)).unwrap().expect("the flow").state.judgement;
        let tables = &node.target.tables;
        let slot = tables.image.endpoints.get(&1).expect("the endpoint").slot;
        assert_eq!(judgement.slot, slot, "{pod}");
        assert_eq!(tables.image.generations.get(&slot).copied().unwrap_or(0), judgement.generation, "{pod}");
    }
}
