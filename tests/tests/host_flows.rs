//! Levels 1–2: flows on the host: the table of cases.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use enforcer_common::flow::{Ground, Opener};
use enforcer_tests::{
    flow_case::{Step, cases, play},
    node::{Host, Node},
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
