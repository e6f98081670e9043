//! Level 5: what the programs cost the verifier.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;

use enforcer_tests::node::Kernel;

/// Instructions that the verifier may walk for one program. The kernel gives up at a million; how many it walks
/// depends on the compiler's version too, so some are kept for those that this test does not see.
fn budget(release: &str) -> u32 {
    let mut numbers = release.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
    let version: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    // Before 6.8 it tells fewer states apart as equal: it walks twice as many.
    if version < (6, 8) { 600_000 } else { 250_000 }
}

#[test]
fn the_programs_stay_within_the_verifiers_budget() {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let budget = budget(&release);
    let sizes = Kernel::load().unwrap().dataplane.sizes().unwrap();
    let mut packet_programs = 0;
    for (name, verified, jited) in sizes {
        let walked = verified.map_or("an unknown number of".to_owned(), |verified| verified.to_string());
        println!("{name}: {walked} instructions verified, {jited} bytes of native code");
        // Kernels before 5.16 do not tell.
        assert!(verified.is_none_or(|verified| verified <= budget), "{name} is over the budget, {budget}");
        packet_programs += usize::from(["from_pod", "to_pod"].contains(&name.as_str()));
    }
    assert_eq!(packet_programs, 2);
}

#[test]
fn the_budget_follows_the_kernel() {
    assert_eq!(
        ["5.10.0-32-cloud-amd64", "6.1.0", "6.8-rc1", "6.12.1+deb13", "7.2"].map(budget),
        [600_000, 600_000, 250_000, 250_000, 250_000]
    );
}
