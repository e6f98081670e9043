//! What named ports cost and keep apart: signatures, classes, rule sets, and the names of rules.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, net::IpAddr};

use enforcer::{
    compile::{RuleSets, compile},
    model::{Direction, Endpoint, Policy, Protocol},
    plan::{MapImage, RuleName, plan},
    store::Cluster,
};
use enforcer_tests::{
    builder::{ClusterBuilder, block, cluster, labels, name, named, pods, policy, rule},
    compare::endpoints,
};

/// `one` and `two` call 80 "http", `three` calls 8080 so, `four` calls 80 something else.
fn base() -> ClusterBuilder {
    cluster()
        .pod("a/client", [("app", "client")], ["10.0.0.9"])
        .pod("a/one", [("app", "server")], ["10.0.0.1", "fd00::1"])
        .pod("a/two", [("app", "server")], ["10.0.0.2"])
        .pod("a/three", [("app", "server")], ["10.0.0.3"])
        .pod("a/four", [("app", "server")], ["10.0.0.4"])
        .pod("a/other", [("app", "other")], ["10.0.0.5"])
        .port("a/one", "http", Protocol::Tcp, 80)
        .port("a/two", "http", Protocol::Tcp, 80)
        .port("a/three", "http", Protocol::Tcp, 8080)
        .port("a/four", "web", Protocol::Tcp, 80)
        .port("a/other", "http", Protocol::Tcp, 80)
}

fn with(policy: impl Into<Policy>) -> Cluster {
    base().policy(policy).build()
}

fn of_client(cluster: &Cluster) -> RuleSets {
    let mut endpoints = endpoints(cluster, 1);
    endpoints.retain(|endpoint| endpoint.pod == name("a/client"));
    compile(cluster, &endpoints)
}

fn image(cluster: &Cluster, endpoints: &[Endpoint]) -> MapImage {
    plan(&MapImage::default(), &compile(cluster, endpoints)).unwrap().image
}

fn addresses<const N: usize>(texts: [&str; N]) -> BTreeSet<IpAddr> {
    texts.map(|text| text.parse().unwrap()).into()
}

fn entries(compiled: &RuleSets) -> BTreeSet<IpAddr> {
    compiled.addresses.keys().copied().collect()
}

#[test]
fn pods_that_no_rule_with_a_name_is_about_have_no_entry() {
    let client = || policy("a/p").select(labels([("app", "client")]));
    let http = || [named(Protocol::Tcp, "http")];
    let selected = with(client().egress([rule([pods(labels([("app", "other")]))], http())]));
    assert_eq!(entries(&of_client(&selected)), addresses(["10.0.0.5"]));

    // Covered by a block, `two` is told from its surroundings; `four` has no such name.
    let covered = with(client().egress([rule([block("10.0.0.0/29", ["10.0.0.1/32"])], http())]));
    assert_eq!(entries(&of_client(&covered)), addresses(["10.0.0.2", "10.0.0.3", "10.0.0.5"]));

    let anywhere = with(client().egress([rule([], http())]));
    let bearers = ["10.0.0.1", "fd00::1", "10.0.0.2", "10.0.0.3", "10.0.0.5"];
    assert_eq!(entries(&of_client(&anywhere)), addresses(bearers));

    let unknown = with(client().egress([rule([], [named(Protocol::Tcp, "nobody")])]));
    assert_eq!(entries(&of_client(&unknown)), BTreeSet::new());
    // On ingress a name is the subject's, whatever the peers have.
    let ingress = of_client(&with(client().ingress([rule([], http())])));
    assert_eq!((entries(&ingress), ingress.names), (BTreeSet::new(), vec![]));
}

#[test]
fn peers_share_a_class_where_their_names_stand_for_the_same() {
    let servers = rule([pods(labels([("app", "server")]))], [named(Protocol::Tcp, "http")]);
    let cluster = with(policy("a/p").select(labels([("app", "client")])).egress([servers]));
    let image = image(&cluster, &endpoints(&cluster, 1));
    let class = |text: &str| image.tables.class(text.parse().unwrap());
    assert_eq!(class("10.0.0.1"), class("10.0.0.2"));
    assert_eq!(class("10.0.0.1"), class("fd00::1"));
    let distinct: BTreeSet<u32> = ["10.0.0.1", "10.0.0.3", "10.0.0.4", "10.0.0.5"].map(class).into();
    assert_eq!(distinct.len(), 4);
}

#[test]
fn subjects_share_a_rule_set_where_their_names_stand_for_the_same() {
    let http =
        policy("a/p").select(labels([("app", "server")])).ingress([rule([], [named(Protocol::Tcp, "http")])]);
    let cluster = with(http);
    let endpoints = endpoints(&cluster, 1);
    let image = image(&cluster, &endpoints);
    let of = |pod: &str| {
        let endpoint = endpoints.iter().find(|endpoint| endpoint.pod == name(pod)).unwrap();
        image.tables.endpoints[&endpoint.interface_index].rule_set
    };
    assert_eq!(of("a/one"), of("a/two"));
    let distinct: BTreeSet<u32> = ["a/one", "a/three", "a/four", "a/client"].map(of).into();
    assert_eq!(distinct.len(), 4);
    // Whatever it stands for, it is the same rule to who reads about it.
    let named: Vec<_> = image
        .names
        .rule_names()
        .values()
        .filter(|rule| matches!(rule.as_ref(), RuleName::Policy { .. }))
        .map(|rule| rule.as_ref().clone())
        .collect();
    let rule = RuleName::Policy { policy: name("a/p"), direction: Direction::Ingress, index: 0 };
    assert_eq!(named, [rule.clone(), rule.clone(), rule]);
}
