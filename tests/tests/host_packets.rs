//! Levels 1–2: frames of every make, the oracle against `decide` over the planned image.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use enforcer_tests::{
    compare::{compare_all, compare_story},
    generate::{Census, Construct, story},
    node::{Host, Node},
};

/// Stories of a run.
const STORIES: u32 = 4_000;

#[test]
fn frames_get_the_oracles_verdict_and_every_construct_is_generated() {
    let mut census = Census::default();
    let compared = compare_all(STORIES, &story(1..=40), |story| {
        census.story(&story);
        compare_story(&mut Node::new(Host::default()), &story)
    })
    .unwrap();
    println!("{STORIES} stories, {compared} frames: differences: 0");
    assert!(compared > u64::from(STORIES));
    let expected: Vec<Construct> = Construct::ALL.iter().copied().filter(|it| it.is_of_packets()).collect();
    census.assert_complete(&expected);
}
