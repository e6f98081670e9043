//! Level 2: the cases of `tests/cases`, by the oracle and on the host.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use enforcer_tests::{
    node::{Host, Node},
    text::{compare_script, scripts},
};

#[test]
fn the_host_does_what_the_cases_say() {
    let mut packets = 0;
    let scripts = scripts().unwrap();
    for (file, script) in &scripts {
        let file = file.display();
        assert!(!script.expectations.is_empty(), "{file} expects nothing");
        packets += compare_script(&mut Node::new(Host::default()), script, None)
            .unwrap_or_else(|error| panic!("{file}: {error:#}"));
    }
    println!("{} cases, {packets} packets", scripts.len());
    assert!(scripts.len() >= 20);
}
