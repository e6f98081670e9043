//! Level 1: for how long a first fragment speaks for its later ones.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use enforcer_tests::{
    builder::{tcp, udp},
    fragments::Receiver,
    node::{Host, Target as _},
};

#[test]
fn a_first_fragment_speaks_for_thirty_seconds() {
    let mut receiver = Receiver::new(Host::default()).unwrap();
    assert!(receiver.first(1).unwrap() && receiver.later(1).unwrap());
    receiver.node.target.wait(30).unwrap();
    assert!(receiver.later(1).unwrap());
    receiver.node.target.wait(1).unwrap();
    assert!(!receiver.later(1).unwrap());
    assert!(receiver.first(1).unwrap() && receiver.later(1).unwrap(), "a new one speaks again");
}

#[test]
fn a_first_fragment_does_not_speak_through_a_change_of_the_rules() {
    let mut receiver = Receiver::new(Host::default()).unwrap();
    assert!(receiver.first(1).unwrap());
    receiver.rule(&[udp(53)]).unwrap();
    assert!(receiver.later(1).unwrap(), "nothing has changed");
    receiver.rule(&[udp(53), tcp(80)]).unwrap();
    assert!(!receiver.later(1).unwrap());
    assert!(receiver.first(1).unwrap() && receiver.later(1).unwrap());
}
