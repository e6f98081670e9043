//! Levels 1–2: frames of every make, the oracle against `decide` over the planned image.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::cell::{Cell, RefCell};

use enforcer_tests::{
    compare::compare_story,
    generate::{Census, Construct, story},
    node::{Host, Node},
};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

/// Stories of a run.
const STORIES: u32 = 4_000;

#[test]
fn frames_get_the_oracles_verdict_and_every_construct_is_generated() {
    let census = RefCell::new(Census::default());
    let compared = Cell::new(0);
    let config = Config { cases: STORIES, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&story(1..=40), |story| {
            census.borrow_mut().story(&story);
            let done = compare_story(&mut Node::new(Host::default()), &story)
                .map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
            compared.set(compared.get() + done);
            Ok(())
        })
        .unwrap();
    println!("{STORIES} stories, {} frames: differences: 0", compared.get());
    assert!(compared.get() > u64::from(STORIES));
    let expected: Vec<Construct> = Construct::ALL.iter().copied().filter(|it| it.is_of_packets()).collect();
    census.borrow().assert_complete(&expected);
}
