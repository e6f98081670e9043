//! Level 4: how many first fragments the kernel remembers. (What becomes of fragments otherwise is the other tables'.)
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use enforcer_common::tables::capacity;
use enforcer_tests::{fragments::Receiver, node::Kernel};

/// The kernel gives up in batches what was not asked for of late: so not at the very number, and no use in between.
#[test]
fn a_first_fragment_is_remembered_beside_thousands_and_gives_way_to_more_than_there_is_room_for() {
    let mut receiver = Receiver::new(Kernel::load().unwrap()).unwrap();
    assert!(!receiver.later(0).unwrap(), "nothing is remembered yet");
    let room = capacity::FRAGMENTS;
    for identification in 0..room * 3 / 4 {
        assert!(receiver.first(identification).unwrap());
    }
    assert!(receiver.later(0).unwrap(), "there is room for it still");
    for identification in room..room * 3 {
        assert!(receiver.first(identification).unwrap());
    }
    assert!(!receiver.later(1).unwrap(), "twice as many are newer as there is room for");
}
