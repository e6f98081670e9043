//! Level 4: every drop reason in the kernel, beside the host.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{cell::RefCell, collections::BTreeMap};

use enforcer::{dataplane::Counters, model::Direction};
use enforcer_common::Reason;
use enforcer_tests::{
    node::{Host, Kernel},
    reason::{Sender, Sent, Setting, Stage, cases, check, judge, noise},
};
use proptest::{
    prop_assert_eq,
    test_runner::{Config, TestRunner},
};

#[test]
fn the_kernel_drops_what_the_host_drops_and_tells_and_counts_the_same() {
    let mut host = Stage::new(Host::default());
    let mut kernel = Stage::new(Kernel::load().unwrap());
    let mut counters = Counters::default();
    for mut case in cases() {
        case.steps.retain(|step| Kernel::takes(&step.frame));
        let [there, here] = [check(&mut kernel, &case), check(&mut host, &case)].map(Result::unwrap);
        assert_eq!(there, here, "{}: the kernel and the host", case.name);
        for step in &case.steps {
            let direction = match step.direction {
                Direction::Ingress => 0,
                Direction::Egress => 1,
            };
            let counts = match step.reason {
                None => &mut counters.passed,
                Some(reason) => counters.dropped.entry(reason).or_default(),
            };
            *counts.get_mut(direction).unwrap() += 1;
        }
    }
    assert_eq!(kernel.node.target.dataplane.counters().unwrap(), counters);
    let by_reason: BTreeMap<_, u64> =
        counters.dropped.iter().map(|(reason, counts)| (reason.name(), counts.iter().sum())).collect();
    println!("passed {:?}, dropped {by_reason:?}: as on the host", counters.passed);
    assert_eq!(by_reason.len(), Reason::ALL.len());
}

#[test]
fn the_kernel_judges_any_bytes_as_the_host_does() {
    let stages = RefCell::new((Stage::new(Host::default()), Stage::new(Kernel::load().unwrap())));
    let config = Config { cases: 1_000, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&noise(), |frames| {
            let (host, kernel) = &mut *stages.borrow_mut();
            for setting in [Setting::Isolated, Setting::Open] {
                host.enter(setting).unwrap();
                kernel.enter(setting).unwrap();
                for Sent { frame, direction } in frames.iter().filter(|sent| Kernel::takes(&sent.frame)) {
                    let here = judge(host, frame, *direction, Sender::Elsewhere).unwrap();
                    let there = judge(kernel, frame, *direction, Sender::Elsewhere).unwrap();
                    prop_assert_eq!(there, here, "{:?} {:02x?}", direction, frame);
                }
            }
            Ok(())
        })
        .unwrap();
}
