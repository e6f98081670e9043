//! Plans of two pods, for tests that look at them write by write.
#![allow(clippy::expect_used, clippy::panic, reason = "it is the test that fails")]

use std::collections::{BTreeMap, BTreeSet};

use enforcer::{
    compile::compile,
    model::{Endpoint, Identity, Rule},
    plan::{MapImage, MapOp, Plan, diff, plan},
    store::Cluster,
};

use crate::builder::{ClusterBuilder, cluster, endpoint, labels, pods, policy, rule, tcp};

/// One plan.
#[must_use]
pub fn planned(previous: &MapImage, cluster: &Cluster, endpoints: &[Endpoint]) -> Plan {
    plan(previous, &compile(cluster, endpoints)).expect("the plan fits")
}

/// As many plans as it takes, with the writes of all.
#[must_use]
pub fn settle(previous: &MapImage, cluster: &Cluster, endpoints: &[Endpoint]) -> (MapImage, Vec<MapOp>) {
    let (mut image, mut ops) = (previous.clone(), Vec::new());
    for _ in 0..4 {
        let next = planned(&image, cluster, endpoints);
        ops.extend(diff(&image, &next.image));
        image = next.image;
        image.release();
        if next.settled {
            return (image, ops);
        }
    }
    panic!("the plan does not settle");
}

/// An endpoint at an interface, with one address.
#[must_use]
pub fn at(interface_index: u32, pod: &str, address: &str) -> Endpoint {
    // As the builder calls it.
    let identity = Identity::Uid(format!("uid-{pod}"));
    Endpoint { interface_index, identity, ..endpoint(pod, [address]) }
}

/// Two pods; what `web` may reach is up to the rules, what `job` may is fixed.
#[must_use]
pub fn scene(rules: impl IntoIterator<Item = Rule>) -> ClusterBuilder {
    cluster()
        .pod("a/web", [("app", "web")], ["10.0.0.1"])
        .pod("a/job", [("app", "job")], ["10.0.0.2"])
        .pod("a/db", [("app", "db")], ["10.0.0.9"])
        .policy(policy("a/web").select(labels([("app", "web")])).egress(rules))
        .policy(policy("a/job").select(labels([("app", "job")])).egress([to_db(80)]))
}

/// TCP to `db`.
#[must_use]
pub fn to_db(port: u16) -> Rule {
    rule([pods(labels([("app", "db")]))], [tcp(port)])
}

/// The endpoints of `web` and `job`.
#[must_use]
pub fn both() -> [Endpoint; 2] {
    [at(1, "a/web", "10.0.0.1"), at(2, "a/job", "10.0.0.2")]
}

/// By interface.
#[must_use]
pub fn slots(image: &MapImage) -> BTreeMap<u32, u16> {
    image.tables.endpoints.iter().map(|(interface, endpoint)| (*interface, endpoint.slot)).collect()
}

/// The slots whose generation is another one.
#[must_use]
pub fn moved(before: &MapImage, after: &MapImage) -> BTreeSet<u16> {
    let of = |image: &MapImage, slot| image.tables.generations.get(&slot).copied().unwrap_or(0);
    let slots = before.tables.generations.keys().chain(after.tables.generations.keys());
    slots.copied().filter(|slot| of(before, *slot) != of(after, *slot)).collect()
}
