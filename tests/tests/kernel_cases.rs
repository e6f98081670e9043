//! Level 4: the cases of `tests/cases` in the kernel.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use enforcer::host::TRIAL_INTERFACE;
use enforcer_tests::{
    node::{Node, Pair},
    text::{compare_script, scripts},
};

/// One loaded object serves all: that it goes from any cluster to any other is part of the test.
#[test]
fn host_and_kernel_do_what_the_cases_say() {
    let mut node = Node::new(Pair::load().unwrap());
    let mut packets = 0;
    let scripts = scripts().unwrap();
    for (file, script) in &scripts {
        packets += compare_script(&mut node, script, Some(TRIAL_INTERFACE))
            .unwrap_or_else(|error| panic!("{}: {error:#}", file.display()));
        node.target.agree().unwrap_or_else(|error| panic!("{}: {error:#}", file.display()));
    }
    println!("{} cases, {packets} packets", scripts.len());
    assert!(packets > 100);
}
