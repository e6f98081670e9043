//! Levels 1–2: the oracle against `decide` over the planned image, on the host.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use enforcer_tests::{
    compare::{Judged, compare_all, compare_case, compare_history, compare_recovery, compare_steps},
    generate::{Census, Construct, case, edit, edited, history},
    node::{Host, Node},
};
use proptest::{arbitrary::any, collection, sample::Index};

/// Clusters of a run; packets are many more.
const CLUSTERS: u32 = 1_500;

#[test]
fn first_packets_get_the_oracles_verdict_and_every_construct_is_generated() {
    let mut census = Census::default();
    let compared = compare_all(CLUSTERS, &case(1..=24), |case| {
        census.case(&case);
        compare_case(&mut Node::new(Host::default()), &case, None)
    })
    .unwrap();
    println!("{CLUSTERS} clusters, {compared} packets: differences: 0");
    assert!(compared > u64::from(CLUSTERS));
    let of_clusters = |it: &Construct| !it.is_of_flows() && !it.is_of_packets();
    let expected: Vec<Construct> = Construct::ALL.iter().copied().filter(of_clusters).collect();
    census.assert_complete(&expected);
}

#[test]
fn flows_get_the_oracles_verdict_through_changes() {
    let mut census = Census::default();
    let compared = compare_all(CLUSTERS, &history(1..=48), |history| {
        census.history(&history);
        compare_history(&mut Node::new(Host::default()), &history)
    })
    .unwrap();
    println!("{CLUSTERS} histories, {compared} packets: differences: 0");
    let expected: Vec<Construct> = Construct::ALL.iter().copied().filter(|it| it.is_of_flows()).collect();
    census.assert_complete(&expected);
}

#[test]
fn after_every_single_write_a_packet_gets_its_old_verdict_or_its_new_one() {
    let judged = compare_all(400, &(case(1..=16), collection::vec(edit(), 1..=4)), |(case, edits)| {
        let after = edited(&case.cluster, &edits);
        let mut node = Node::new(Host::default());
        // There and back.
        let mut judged = Judged::default();
        for change in [[&case.cluster, &after], [&after, &case.cluster]] {
            judged = judged + compare_steps(&mut node, change, &case.probes, None)?;
        }
        Ok(judged)
    })
    .unwrap();
    println!("verdicts between writes, none was a third: {judged:?}");
    assert!(judged.first > 10_000 && judged.of_flows > 10_000 && judged.turned > 50);
}

#[test]
fn a_write_that_fails_leaves_no_flow_with_an_old_verdict() {
    let edits = || collection::vec(edit(), 1..=4);
    let judged = compare_all(
        CLUSTERS,
        &(case(1..=16), edits(), edits(), any::<Index>()),
        |(case, first, second, cut)| {
            let between = edited(&case.cluster, &first);
            let after = edited(&between, &second);
            compare_recovery([&case.cluster, &between, &after], &case.probes, cut)
        },
    )
    .unwrap();
    println!("{judged} packets after a failed write: differences: 0");
    assert!(judged > u64::from(CLUSTERS));
}
