//! Which directions policies isolate, alone and together.

use enforcer::model::Direction;

use super::{TCP, ask, base};
use crate::builder::{PolicyBuilder, any, labels, policy};

/// Whether `a/db` is reached, and reaches others, under these policies.
fn passes<const N: usize>(policies: [PolicyBuilder; N]) -> [bool; 2] {
    let cluster = policies.into_iter().fold(base(), |cluster, policy| cluster.policy(policy)).build();
    Direction::ALL.map(|direction| ask(&cluster, direction, "a/db", "10.0.0.9", TCP, 80).passes())
}

#[test]
fn the_four_combinations_of_policy_types() {
    assert_eq!(passes([policy("a/p")]), [true, true]);
    assert_eq!(passes([policy("a/p").ingress([])]), [false, true]);
    assert_eq!(passes([policy("a/p").egress([])]), [true, false]);
    assert_eq!(passes([policy("a/p").ingress([]).egress([])]), [false, false]);
}

#[test]
fn rules_of_one_direction_say_nothing_of_the_other() {
    assert_eq!(passes([policy("a/p").ingress([any()]).egress([])]), [true, false]);
    assert_eq!(passes([policy("a/p").ingress([]).egress([any()])]), [false, true]);
}

#[test]
fn overlapping_policies_allow_what_any_of_them_allows() {
    let web = labels([("app", "web")]);
    let (deny, allow) = (policy("a/deny").ingress([]), policy("a/allow").ingress([any()]));
    assert_eq!(passes([deny.clone(), allow.clone()]), [true, true]);
    // A policy that does not select the pod, or names another direction, allows it nothing.
    assert_eq!(passes([deny.clone(), allow.select(web)]), [false, true]);
    assert_eq!(passes([deny, policy("a/out").egress([any()])]), [false, true]);
}
