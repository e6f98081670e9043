//! Level 4: frames of every make, the oracle against the real programs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::cell::{Cell, RefCell};

use enforcer::dataplane::TRIAL_INTERFACE;
use enforcer_tests::{
    compare::compare_story,
    generate::{Beat, story},
    node::{Kernel, Node},
};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

/// Stories of a run.
const STORIES: u32 = 500;

/// Without waiting: no test sets the kernel's clock. One loaded object serves all stories.
#[test]
fn the_kernel_gives_frames_the_oracles_verdict() {
    let node = RefCell::new(Node::new(Kernel::load().unwrap()));
    let compared = Cell::new(0);
    let config = Config { cases: STORIES, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&story(1..=40), |mut story| {
            story.endpoint.interface_index = TRIAL_INTERFACE;
            story.beats.retain(|beat| !matches!(beat, Beat::Wait(_)));
            let done = compare_story(&mut node.borrow_mut(), &story)
                .map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
            compared.set(compared.get() + done);
            Ok(())
        })
        .unwrap();
    println!("{STORIES} stories, {} frames: differences: 0", compared.get());
    assert!(compared.get() > u64::from(STORIES));
}
