//! Levels 1–3: every drop reason on the host, and arbitrary bytes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use enforcer::model::Direction;
use enforcer_common::Reason;
use enforcer_tests::{
    frame::{Packet, TcpFlags, Transport, ethernet},
    node::Host,
    reason::{Case, Sender, Setting, Stage, Step, cases, check, judge},
};

#[test]
fn every_reason_has_cases_and_they_come_out_as_written() {
    let mut stage = Stage::new(Host::default());
    let mut reached = BTreeSet::new();
    let (mut dropped, mut passed) = (0, 0);
    for case in cases() {
        for seen in check(&mut stage, &case).unwrap() {
            match seen.event {
                Some(event) => {
                    dropped += 1;
                    reached.extend(Reason::from_number(event.reason));
                }
                None => passed += 1,
            }
        }
    }
    println!("{} cases: {dropped} frames dropped and {passed} passed, as written", cases().len());
    let missing: Vec<_> = Reason::ALL.iter().filter(|reason| !reached.contains(reason)).collect();
    assert!(missing.is_empty(), "no case reaches {missing:?}");
}

/// A drop shows little unless something like it passes.
#[test]
fn beside_every_drop_something_like_it_passes() {
    let mut near = BTreeSet::new();
    for case in cases() {
        if case.steps.iter().any(|step| step.reason.is_none()) {
            near.extend(case.steps.iter().filter_map(|step| step.reason));
        }
    }
    // All that an unknown interface can do differently is to become known, or to speak ARP.
    let alone: Vec<_> = Reason::ALL.iter().filter(|reason| !near.contains(reason)).collect();
    assert!(alone.is_empty(), "nothing passes beside {alone:?}");
}

#[test]
fn at_an_endpoint_without_rules_all_but_spoofed_passes() {
    let mut stage = Stage::new(Host::default());
    let mut judged = 0;
    // What some endpoints may do besides is another table's.
    for case in cases().into_iter().filter(|case| !case.setting.is_free()) {
        judged += check(&mut stage, &open(case)).unwrap().len();
    }
    println!("{judged} frames at an endpoint without rules: only spoofed ones are dropped");
}

/// The same frames where no policy selects the pod.
fn open(case: Case) -> Case {
    let only_spoofed =
        |step: Step| Step { reason: step.reason.filter(|it| *it == Reason::Spoofed), fields: None, ..step };
    Case { setting: Setting::Open, steps: case.steps.into_iter().map(only_spoofed).collect(), ..case }
}

/// A packet above 64 KiB, as segmentation offload makes them, has no room for its length and says 0. (No test run of the
/// kernel takes such a frame.)
#[test]
fn a_length_of_0_is_a_big_packets() {
    let mut stage = Stage::new(Host::default());
    stage.enter(Setting::Isolated).unwrap();
    for (pair, from, field) in [(["10.0.0.1", "10.0.0.2"], 14, 16), (["fd00::1", "fd00::2"], 54, 18)] {
        let [local, remote] = pair.map(|text| text.parse().unwrap());
        let transport = Transport::Tcp { local: 80, remote: 40_000, flags: TcpFlags::SYN };
        let syn = ethernet(&Packet { direction: Direction::Ingress, local, remote, transport });
        // Counted like the field: with IPv4's header, and without IPv6's.
        for (there, says, passes) in [
            (0x1_0000, 0, true),
            (0x2_0000, 0, true),
            (0xffff, 0, false),
            (0xffff, 0xffff, true),
            (0xfffe, 0xffff, false),
            (0x1_0000, 0xffff, true),
            (0x1_0000, 19, false),
        ] {
            let mut frame = syn.clone();
            frame.resize(from + there, 0);
            frame.splice(field..field + 2, u16::to_be_bytes(says));
            let seen = judge(&mut stage, &frame, Direction::Ingress.into(), Sender::Elsewhere).unwrap();
            let reason = seen.event.map(|event| event.reason);
            let wanted = (!passes).then_some(Reason::Malformed as u8);
            assert_eq!(reason, wanted, "{there} bytes that say {says}");
        }
    }
}
