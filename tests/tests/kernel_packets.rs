//! Level 4: frames of every make, the oracle against the real programs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use enforcer::host::TRIAL_INTERFACE;
use enforcer_tests::{
    compare::{compare_all, compare_story},
    generate::{Beat, story},
    node::{Kernel, Node},
};

/// Stories of a run.
const STORIES: u32 = 500;

/// Without waiting: no test sets the kernel's clock. One loaded object serves all stories.
#[test]
fn the_kernel_gives_frames_the_oracles_verdict() {
    let mut node = Node::new(Kernel::load().unwrap());
    let compared = compare_all(STORIES, &story(1..=40), |mut story| {
        story.endpoint.interface_index = TRIAL_INTERFACE;
        story.beats.retain(|beat| !matches!(beat, Beat::Wait(_)));
        compare_story(&mut node, &story)
    })
    .unwrap();
    println!("{STORIES} stories, {compared} frames: differences: 0");
    assert!(compared > u64::from(STORIES));
}
