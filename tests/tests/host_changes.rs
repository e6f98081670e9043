//! Changes on the host, case by case: what one endpoint's change means for those it shares a rule set with.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use enforcer::{
    compile::compile,
    model::{ClusterEvent, Direction, Endpoint, Object, Protocol},
    plan::{MapImage, MapOp, diff, plan},
    store::Cluster,
};
use enforcer_tests::{
    builder::{any, cluster, endpoint, labels, name, pods, policy, rule},
    compare::compare_steps,
    generate::Probe,
    node::{Host, Node},
};

const SHARING: [(&str, &str); 2] = [("a/one", "10.0.0.1"), ("a/two", "10.0.0.2")];

/// Two pods that share a rule set, which opens what `app=db` is; another rule set opens everything.
fn scene(one: &str, db: &str) -> Cluster {
    let scene = cluster().pod("a/db", [("app", db)], ["10.0.0.9"]);
    let [(first, at), (second, its)] = SHARING;
    scene
        .pod(first, [("app", one)], [at])
        .pod(second, [("app", "x")], [its])
        .policy(
            policy("a/x").select(labels([("app", "x")])).egress([rule([pods(labels([("app", "db")]))], [])]),
        )
        .policy(policy("a/y").select(labels([("app", "y")])).egress([any()]))
        .build()
}

/// The rule set was kept for the other pod, and said to the one that was leaving what the other was to hear.
#[test]
fn a_pod_that_leaves_a_shared_rule_set_while_the_remote_changes_hears_no_third_verdict() {
    let probe = |subject: &str| Probe {
        subject: name(subject),
        direction: Direction::Egress,
        remote: "10.0.0.9".parse().unwrap(),
        protocol: Protocol::Tcp.number(),
        port: Some(80),
    };
    let (before, after) = (scene("x", "db"), scene("y", "other"));
    let mut node = Node::new(Host::default());
    for change in [[&before, &after], [&after, &before]] {
        let judged = compare_steps(&mut node, change, &SHARING.map(|(pod, _)| probe(pod)), None).unwrap();
        assert!(judged.first > 0 && judged.of_flows > 0);
    }
}

/// The rule set that others keep has its id as long as it says what it said.
#[test]
fn a_pod_that_leaves_a_shared_rule_set_costs_the_others_nothing() {
    let endpoints: Vec<Endpoint> = (1..)
        .zip(SHARING)
        .map(|(interface_index, (pod, at))| Endpoint { interface_index, ..endpoint(pod, [at]) })
        .collect();
    // Its rules are not the first that there ever were.
    let mut older = scene("x", "db");
    older.apply(ClusterEvent::Apply(Object::Policy(policy("a/older").egress([any()]).into())));
    let older = plan(&MapImage::default(), &compile(&older, &endpoints)).unwrap().image;
    let first = plan(&older, &compile(&scene("x", "db"), &endpoints)).unwrap().image;
    let next = plan(&first, &compile(&scene("y", "db"), &endpoints)).unwrap().image;
    let touched: Vec<u32> = diff(&first, &next)
        .iter()
        .filter_map(|op| if let MapOp::SetEndpoint { interface, .. } = op { Some(*interface) } else { None })
        .collect();
    assert_eq!(touched, [1], "only the pod that was relabelled");
}
