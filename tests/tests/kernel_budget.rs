//! Level 5: what the programs cost the verifier.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use enforcer_tests::node::Kernel;

/// Instructions that the verifier may walk for one program. The kernel gives up at a million; how many it walks
/// depends on its version and on the compiler's, so three quarters are kept for those that this test does not see.
const VERIFIED_INSTRUCTIONS: u32 = 250_000;

#[test]
fn the_programs_stay_within_the_verifiers_budget() {
    let sizes = Kernel::load().unwrap().dataplane.sizes().unwrap();
    let mut packet_programs = 0;
    for (name, verified, jited) in sizes {
        let walked = verified.map_or("an unknown number of".to_owned(), |verified| verified.to_string());
        println!("{name}: {walked} instructions verified, {jited} bytes of native code");
        // Kernels before 5.16 do not tell.
        assert!(
            verified.is_none_or(|verified| verified <= VERIFIED_INSTRUCTIONS),
            "{name} is over the budget"
        );
        packet_programs += usize::from(["from_pod", "to_pod"].contains(&name.as_str()));
    }
    assert_eq!(packet_programs, 2);
}
