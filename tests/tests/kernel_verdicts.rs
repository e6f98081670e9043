//! Level 4: the real programs, run on the same cases as the host.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::cell::{Cell, RefCell};

use enforcer::dataplane::TRIAL_INTERFACE;
use enforcer_tests::{
    compare::{compare_case, compare_history},
    generate::{case, history},
    node::{Kernel, Node},
};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

/// Clusters of a run.
const CLUSTERS: u32 = 300;

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

fn failed(error: &anyhow::Error) -> TestCaseError {
    TestCaseError::fail(format!("{error:#}"))
}

/// One loaded object serves all cases: that it goes from any cluster to any other is part of the test.
#[test]
fn the_kernel_gives_first_packets_the_oracles_verdict() {
    let node = RefCell::new(Node::new(Kernel::load().unwrap()));
    let compared = Cell::new(0);
    runner(CLUSTERS)
        .run(&case(1..=24), |case| {
            let done = compare_case(&mut node.borrow_mut(), &case, Some(TRIAL_INTERFACE))
                .map_err(|error| failed(&error))?;
            compared.set(compared.get() + done);
            Ok(())
        })
        .unwrap();
    println!("{CLUSTERS} clusters, {} packets: differences: 0", compared.get());
    assert!(compared.get() > u64::from(CLUSTERS));
}

#[test]
fn the_kernel_gives_flows_the_oracles_verdict_through_changes() {
    let node = RefCell::new(Node::new(Kernel::load().unwrap()));
    let compared = Cell::new(0);
    runner(CLUSTERS)
        .run(&history(1..=32), |history| {
            let done = compare_history(&mut node.borrow_mut(), &history).map_err(|error| failed(&error))?;
            compared.set(compared.get() + done);
            Ok(())
        })
        .unwrap();
    println!("{CLUSTERS} histories, {} packets: differences: 0", compared.get());
    assert!(compared.get() > u64::from(CLUSTERS));
}
