//! Changes on the host, case by case: what one endpoint's change means for those it shares a rule set with.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use enforcer::{
    compile::compile,
    model::{ClusterEvent, Direction, Endpoint, Object, Protocol, Rule},
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
    // Other rules than any below, so that no id below is the first that there ever was.
    let mut older = scene("x", "db");
    older.apply(ClusterEvent::Apply(Object::Policy(policy("a/older").egress([any()]).into())));
    let mut node = Node::new(Host::default());
    for change in [[&before, &after], [&after, &before], [&older, &before], [&before, &after]] {
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

/// What opens to pods with a label.
fn to(key: &str, value: &str) -> [Rule; 1] {
    [rule([pods(labels([(key, value)]))], [])]
}

/// Two rule sets: one stays and changes its mind on one of three remote pods, the other one goes.
fn three_remotes(role_of_a: &str, goes: [Rule; 1]) -> Cluster {
    let [(first, at), (second, its)] = SHARING;
    cluster()
        .pod(first, [("app", "one")], [at])
        .pod(second, [("app", "two")], [its])
        .pod("a/a", [("role", role_of_a), ("kind", "n")], ["10.0.0.7"])
        .pod("a/b", [("role", "x"), ("kind", "y")], ["10.0.0.8"])
        .pod("a/c", [("role", "w"), ("kind", "n")], ["10.0.0.9"])
        .policy(policy("a/goes").select(labels([("app", "one")])).egress(goes))
        .policy(policy("a/stays").select(labels([("app", "two")])).egress(to("role", "x")))
        .build()
}

/// The pod `a` becomes to the rule set that stays what `b` is, and remains to the one that goes what `c` is.
#[test]
fn a_class_is_joined_only_where_the_rules_that_go_see_no_difference_either() {
    let endpoints: Vec<Endpoint> = (1..)
        .zip(SHARING)
        .map(|(interface_index, (pod, at))| Endpoint { interface_index, ..endpoint(pod, [at]) })
        .collect();
    let passes = |tables: &TableImage, interface: u32, remote: &str| {
        let transport = Transport::Tcp { local: 40_000, remote: 80, flags: TcpFlags::SYN };
        let local = SHARING.map(|(_, at)| at).get(interface as usize - 1).unwrap().parse().unwrap();
        let direction = Direction::Egress;
        let syn = frame::ethernet(&Packet { direction, local, remote: remote.parse().unwrap(), transport });
        let at = At { frame: &syn, interface, direction: direction.into(), origin: Origin::Elsewhere };
        Host::with(tables.clone()).judge(&at).unwrap().passed
    };
    let seen = |tables: &TableImage| {
        [1, 2].map(|interface| {
            ["10.0.0.7", "10.0.0.8", "10.0.0.9"].map(|remote| passes(tables, interface, remote))
        })
    };
    let old = [[false, true, false], [false, true, false]];
    let first = plan(&MapImage::default(), &compile(&three_remotes("w", to("kind", "y")), &endpoints));
    let first = first.unwrap().image;
    assert_eq!(seen(&first.tables), old);
    for (goes, its) in [(to("kind", "z"), [false; 3]), ([any()], [true; 3])] {
        let wanted = compile(&three_remotes("x", goes), &endpoints);
        let new = [its, [true, true, false]];
        let mut image = first.clone();
        let mut tables = image.tables.clone();
        for round in 0.. {
            let next = plan(&image, &wanted).unwrap();
            for op in diff(&image, &next.image) {
                tables.apply(&op);
                for (seen, (old, new)) in seen(&tables).iter().zip(old.iter().zip(&new)) {
                    let third = seen
                        .iter()
                        .zip(old.iter().zip(new))
                        .any(|(seen, (old, new))| seen != old && seen != new);
                    assert!(!third, "{seen:?} after {op:?}");
                }
            }
            image = next.image;
            if next.settled {
                break;
            }
            assert!(round < 4, "it settles");
        }
        assert_eq!(seen(&image.tables), new);
    }
}

/// Where rules tell no two addresses apart any more, none has a class of its own.
#[test]
fn classes_that_nothing_tells_apart_are_merged() {
    let endpoints = [endpoint(SHARING[0].0, [SHARING[0].1])];
    let scene = |goes| compile(&three_remotes("w", goes), &endpoints);
    let mut image = plan(&MapImage::default(), &scene(to("kind", "y"))).unwrap().image;
    assert!(!image.tables.addresses.is_empty());
    for _ in 0..4 {
        image = plan(&image, &scene([any()])).unwrap().image;
    }
    assert!(image.tables.addresses.is_empty(), "{:?}", image.tables.addresses);
}
