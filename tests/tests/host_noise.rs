//! Level 3: arbitrary bytes at endpoints of the host.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::RefCell;

use enforcer_common::Reason;
use enforcer_tests::{
    node::Host,
    reason::{Sender, Sent, Setting, Stage, judge, noise},
};
use proptest::test_runner::{Config, TestRunner};

#[test]
fn no_bytes_make_it_panic_or_drop_at_an_open_endpoint() {
    let stage = RefCell::new(Stage::new(Host::default()));
    let config = Config { cases: 2_000, failure_persistence: None, ..Config::default() };
    let judge_all = |setting, frames: &[Sent]| {
        let mut stage = stage.borrow_mut();
        stage.enter(setting).unwrap();
        for Sent { frame, direction } in frames {
            let seen = judge(&mut stage, frame, *direction, Sender::Elsewhere).unwrap();
            assert_eq!(seen.passed, seen.event.is_none(), "{seen}");
            if setting == Setting::Open {
                assert!(seen.event.is_none_or(|event| event.reason == Reason::Spoofed as u8), "{seen}");
            }
        }
    };
    TestRunner::new(config)
        .run(&noise(), |frames| {
            judge_all(Setting::Isolated, &frames);
            judge_all(Setting::Open, &frames);
            Ok(())
        })
        .unwrap();
}
