//! Levels 1–2: the oracle against `decide` over the planned image, on the host.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::cell::{Cell, RefCell};

use enforcer_tests::{
    compare::{Judged, compare_case, compare_history, compare_recovery, compare_steps},
    generate::{Census, Construct, case, edit, edited, history},
    node::{Host, Node},
};
use proptest::{
    arbitrary::any,
    collection,
    sample::Index,
    test_runner::{Config, TestCaseError, TestRunner},
};

/// Clusters of a run; packets are many more.
const CLUSTERS: u32 = 1_500;

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

fn failed(error: &anyhow::Error) -> TestCaseError {
    TestCaseError::fail(format!("{error:#}"))
}

#[test]
fn first_packets_get_the_oracles_verdict_and_every_construct_is_generated() {
    let census = RefCell::new(Census::default());
    let compared = Cell::new(0);
    runner(CLUSTERS)
        .run(&case(1..=24), |case| {
            census.borrow_mut().case(&case);
            let done = compare_case(&mut Node::new(Host::default()), &case, None).map_err(|e| failed(&e))?;
            compared.set(compared.get() + done);
            Ok(())
        })
        .unwrap();
    println!("{CLUSTERS} clusters, {} packets: differences: 0", compared.get());
    assert!(compared.get() > u64::from(CLUSTERS));
    let of_clusters = |it: &Construct| !it.is_of_flows() && !it.is_of_packets();
    let expected: Vec<Construct> = Construct::ALL.iter().copied().filter(of_clusters).collect();
    census.borrow().assert_complete(&expected);
}

#[test]
fn flows_get_the_oracles_verdict_through_changes() {
    let census = RefCell::new(Census::default());
    let compared = Cell::new(0);
    runner(CLUSTERS)
        .run(&history(1..=48), |history| {
            census.borrow_mut().history(&history);
            let done = compare_history(&mut Node::new(Host::default()), &history).map_err(|e| failed(&e))?;
            compared.set(compared.get() + done);
            Ok(())
        })
        .unwrap();
    println!("{CLUSTERS} histories, {} packets: differences: 0", compared.get());
    let expected: Vec<Construct> = Construct::ALL.iter().copied().filter(|it| it.is_of_flows()).collect();
    census.borrow().assert_complete(&expected);
}

#[test]
fn after_every_single_write_a_packet_gets_its_old_verdict_or_its_new_one() {
    let judged = Cell::new(Judged::default());
    runner(400)
        .run(&(case(1..=16), collection::vec(edit(), 1..=4)), |(case, edits)| {
            let after = edited(&case.cluster, &edits);
            let mut node = Node::new(Host::default());
            // There and back.
            for change in [[&case.cluster, &after], [&after, &case.cluster]] {
                let done =
                    compare_steps(&mut node, change, &case.probes, None).map_err(|error| failed(&error))?;
                judged.set(judged.get() + done);
            }
            Ok(())
        })
        .unwrap();
    println!("verdicts between writes, none was a third: {:?}", judged.get());
    assert!(judged.get().first > 10_000 && judged.get().of_flows > 10_000 && judged.get().turned > 50);
}

#[test]
fn a_write_that_fails_leaves_no_flow_with_an_old_verdict() {
    let judged = Cell::new(0);
    let edits = || collection::vec(edit(), 1..=4);
    runner(CLUSTERS)
        .run(&(case(1..=16), edits(), edits(), any::<Index>()), |(case, first, second, cut)| {
            let between = edited(&case.cluster, &first);
            let after = edited(&between, &second);
            let done = compare_recovery([&case.cluster, &between, &after], &case.probes, cut)
                .map_err(|error| failed(&error))?;
            judged.set(judged.get() + done);
            Ok(())
        })
        .unwrap();
    println!("{} packets after a failed write: differences: 0", judged.get());
    assert!(judged.get() > u64::from(CLUSTERS));
}
