//! Level 4: the real programs, run on the same cases as the host.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use enforcer::host::TRIAL_INTERFACE;
use enforcer_tests::{
    compare::{Judged, compare_all, compare_case, compare_history, compare_steps},
    generate::{case, edit, edited, history},
    node::{Kernel, Node},
};
use proptest::collection;

/// Clusters of a run.
const CLUSTERS: u32 = 300;

/// Changes of a run, each of which is played write by write.
const CHANGES: u32 = 100;

/// One loaded object serves all cases: that it goes from any cluster to any other is part of the test.
#[test]
fn the_kernel_gives_first_packets_the_oracles_verdict() {
    let mut node = Node::new(Kernel::load().unwrap());
    let compared =
        compare_all(CLUSTERS, &case(1..=24), |case| compare_case(&mut node, &case, Some(TRIAL_INTERFACE)))
            .unwrap();
    println!("{CLUSTERS} clusters, {compared} packets: differences: 0");
    assert!(compared > u64::from(CLUSTERS));
}

#[test]
fn the_kernel_gives_flows_the_oracles_verdict_through_changes() {
    let mut node = Node::new(Kernel::load().unwrap());
    let compared =
        compare_all(CLUSTERS, &history(1..=32), |history| compare_history(&mut node, &history)).unwrap();
    println!("{CLUSTERS} histories, {compared} packets: differences: 0");
    assert!(compared > u64::from(CLUSTERS));
}

/// On the kernel's own maps, as on the host's: after every single write no verdict is a third.
#[test]
fn after_every_single_write_to_the_kernels_maps_a_packet_gets_its_old_verdict_or_its_new_one() {
    let mut node = Node::new(Kernel::load().unwrap());
    let judged = compare_all(CHANGES, &(case(1..=12), collection::vec(edit(), 1..=3)), |(case, edits)| {
        let after = edited(&case.cluster, &edits);
        // There and back.
        let mut judged = Judged::default();
        for change in [[&case.cluster, &after], [&after, &case.cluster]] {
            judged = judged + compare_steps(&mut node, change, &case.probes, Some(TRIAL_INTERFACE))?;
        }
        Ok(judged)
    })
    .unwrap();
    println!("verdicts between writes to the kernel's maps, none was a third: {judged:?}");
    assert!(judged.first > 300 && judged.of_flows > 300 && judged.turned > 3);
}
