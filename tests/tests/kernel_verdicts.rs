//! Level 4: the real programs, run on the same cases as the host.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::cell::{Cell, RefCell};

use enforcer::dataplane::TRIAL_INTERFACE;
use enforcer_tests::{
    compare::{Judged, compare_case, compare_history, compare_steps},
    generate::{case, edit, edited, history},
    node::{Kernel, Node},
};
use proptest::{
    collection,
    test_runner::{Config, TestCaseError, TestRunner},
};

/// Clusters of a run.
const CLUSTERS: u32 = 300;

/// Changes of a run, each of which is played write by write.
const CHANGES: u32 = 100;

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

/// On the kernel's own maps, as on the host's: after every single write no verdict is a third.
#[test]
fn after_every_single_write_to_the_kernels_maps_a_packet_gets_its_old_verdict_or_its_new_one() {
    let node = RefCell::new(Node::new(Kernel::load().unwrap()));
    let judged = Cell::new(Judged::default());
    runner(CHANGES)
        .run(&(case(1..=12), collection::vec(edit(), 1..=3)), |(case, edits)| {
            let after = edited(&case.cluster, &edits);
            // There and back.
            for change in [[&case.cluster, &after], [&after, &case.cluster]] {
                let done = compare_steps(&mut node.borrow_mut(), change, &case.probes, Some(TRIAL_INTERFACE))
                    .map_err(|error| failed(&error))?;
                judged.set(judged.get() + done);
            }
            Ok(())
        })
        .unwrap();
    println!("verdicts between writes to the kernel's maps, none was a third: {:?}", judged.get());
    assert!(judged.get().first > 300 && judged.get().of_flows > 300 && judged.get().turned > 3);
}
