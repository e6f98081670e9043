//! Changes on the host, case by case: what one endpoint's change means for those it shares a rule set with.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use enforcer::{
    compile::compile,
    model::{ClusterEvent, Direction, Endpoint, Object, Protocol},
    plan::{MapImage, MapOp, TableImage, diff, plan},
    store::Cluster,
};
use enforcer_common::packet::Origin;
use enforcer_tests::{
    builder::{any, cluster, endpoint, labels, name, pods, policy, rule},
    compare::compare_steps,
    frame::{self, Packet, TcpFlags, Transport},
    generate::Probe,
    node::{At, Host, Node, Target as _},
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

/// When the writes of such a change fail, those that follow start from wherever the tables are.
#[test]
fn no_third_verdict_either_after_the_change_has_failed_once() {
    let endpoints = SHARING.map(|(pod, address)| endpoint(pod, [address]));
    let endpoints: Vec<Endpoint> =
        (1..).zip(endpoints).map(|(interface_index, it)| Endpoint { interface_index, ..it }).collect();
    let verdicts = |tables: &TableImage| {
        SHARING.map(|(_, local)| {
            let transport = Transport::Tcp { local: 40_000, remote: 80, flags: TcpFlags::SYN };
            let [local, remote] = [local, "10.0.0.9"].map(|text| text.parse().unwrap());
            let syn = frame::ethernet(&Packet { direction: Direction::Egress, local, remote, transport });
            let interface = if local.to_string() == "10.0.0.1" { 1 } else { 2 };
            let direction = Direction::Egress.into();
            let at = At { frame: &syn, interface, direction, origin: Origin::Elsewhere };
            Host::with(tables.clone()).judge(&at).unwrap().passed
        })
    };
    let wanted = compile(&scene("y", "other"), &endpoints);
    let first = plan(&MapImage::default(), &compile(&scene("x", "db"), &endpoints)).unwrap().image;
    let next = plan(&first, &wanted).unwrap().image;
    let ops = diff(&first, &next);
    for done in 0..ops.len() {
        let mut image = first.clone();
        image.recover(next.clone(), &ops, done);
        for round in 0.. {
            let again = plan(&image, &wanted).unwrap();
            for op in diff(&image, &again.image) {
                image.tables.apply(&op);
                let [one, two] = verdicts(&image.tables);
                assert!(one, "after {done} writes, then {op:?}: it had its way before and has it afterwards");
                assert!(round == 0 || !two, "after {done} writes, then {op:?}");
            }
            image = again.image;
            if again.settled {
                break;
            }
            assert!(round < 4, "it settles");
        }
        assert_eq!(verdicts(&image.tables), [true, false]);
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
