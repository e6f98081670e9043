//! What every plan keeps to, case by case: slots, generations, names, rows, places of intervals, waits between writes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use enforcer::{
    compile::compile,
    model::{Direction, Endpoint, Protocol, Rule},
    plan::{MapImage, MapOp, RuleName, diff, plan},
    store::Cluster,
};
use enforcer_common::tables::DEFAULT_CLASS;
use enforcer_tests::{
    builder::{ClusterBuilder, any, block, cluster, labels, name, pods, policy, range, rule, tcp},
    planned::{at, both, moved, planned, scene, settle, slots, to_db},
};

#[test]
fn a_pod_keeps_its_slot_and_another_one_gets_another() {
    let cluster = scene([any()]).pod("a/heir", [("app", "web")], ["10.0.0.1"]).build();
    let first = planned(&MapImage::default(), &cluster, &both()).image;
    assert_eq!(slots(&first), [(1, 0), (2, 1)].into());
    let [web, job] = both();
    let heir = at(1, "a/heir", "10.0.0.1");
    let second = planned(&first, &cluster, &[heir.clone(), job.clone()]).image;
    // What is left of the flows of `web` is stale, and nobody's.
    assert_eq!(slots(&second), [(1, 2), (2, 1)].into());
    assert_eq!(moved(&first, &second), [0, 2].into());
    // A slot is given out again by a later plan, and goes on counting.
    let third = planned(&second, &cluster, &[heir, job, at(3, "a/web", "10.0.0.1")]).image;
    assert_eq!(slots(&third), [(1, 2), (2, 1), (3, 0)].into());
    assert!(third.tables.generations.get(&0) > second.tables.generations.get(&0));
    assert_eq!(moved(&second, &third), [0].into());
    // Without its pod nothing is judged, and still it moves.
    let last = planned(&third, &cluster, &[web]).image;
    assert!(moved(&third, &last).is_superset(&[1, 2].into()));
}

#[test]
fn flows_are_judged_again_where_something_changed_and_nowhere_else() {
    let cluster = scene([to_db(80)]).build();
    let [web, job] = both();
    let first = settle(&MapImage::default(), &cluster, &both()).0;
    let again = |cluster: &Cluster, web: Endpoint| {
        let after = settle(&first, cluster, &[web, job.clone()]).0;
        moved(&first, &after).into_iter().collect::<Vec<u16>>()
    };
    assert_eq!(again(&cluster, web.clone()), [0; 0], "nothing changed");
    assert_eq!(again(&scene([any()]).build(), web.clone()), [0], "its policy");
    // It tells addresses apart that the other's policy does not.
    let surroundings = rule([block("10.0.0.8/29", [])], [tcp(80)]);
    assert_eq!(again(&scene([surroundings]).build(), web.clone()), [0], "its policy");
    let elsewhere =
        scene([to_db(80)]).change("a/db", |db| db.addresses = ["10.0.0.8".parse().unwrap()].into());
    assert_eq!(again(&elsewhere.build(), web.clone()), [0, 1], "whom it may reach");
    let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    for addresses in [addresses(&["10.0.0.1", "10.0.0.3"]), addresses(&["fd00::1"]), addresses(&[])] {
        assert_eq!(again(&cluster, Endpoint { addresses, ..web.clone() }), [0], "its addresses");
    }
    let prefixes = ["10.0.1.0/24".parse().unwrap()].into();
    let wide = Endpoint { prefixes, ..web.clone() };
    assert_eq!(again(&cluster, wide.clone()), [0], "its prefixes");
    assert_eq!(
        again(&cluster, Endpoint { any_source: true, ..web.clone() }),
        [0],
        "whose addresses it may use"
    );
    // The other way round, where interfaces before it and behind it have some too.
    let others =
        [at(1, "a/web", "10.0.0.1"), Endpoint { interface_index: 2, ..wide }, at(3, "a/db", "10.0.0.9")];
    let [one, two, three] = others.clone();
    let before = settle(&MapImage::default(), &cluster, &others).0;
    let narrow = Endpoint { prefixes: BTreeSet::new(), ..two };
    let after = settle(&before, &cluster, &[one, narrow, three]).0;
    assert_eq!(moved(&before, &after), [1].into());
}

#[test]
fn a_pod_that_there_is_no_slot_for_is_named() {
    let mut endpoints: Vec<Endpoint> =
        (1..=4097).map(|index| at(index, &format!("a/pod-{index}"), "10.0.0.1")).collect();
    let compiled = compile(&cluster().build(), &endpoints);
    let error = plan(&MapImage::default(), &compiled).unwrap_err();
    let pods = error.objects().map(|objects| objects.pods.clone());
    assert_eq!(pods, Some([name("a/pod-4097")].into()));
    endpoints.pop();
    assert!(plan(&MapImage::default(), &compile(&cluster().build(), &endpoints)).is_ok());
}

/// Late events name rules that have gone.
#[test]
fn a_rule_keeps_its_id_and_a_gone_ones_name_stays_for_a_while() {
    let rule_of = |port| RuleName::Policy {
        policy: name(&format!("a/p{port}")),
        direction: Direction::Egress,
        index: 0,
    };
    let with =
        |port: u16| scene([to_db(80)]).policy(policy(&format!("a/p{port}")).egress([to_db(port)])).build();
    let mut image = MapImage::default();
    let mut ids: BTreeMap<u32, RuleName> = BTreeMap::new();
    for port in 1..=1200 {
        image = settle(&image, &with(port), &both()).0;
        for (id, now) in image.names.rule_names() {
            let known = ids.entry(*id).or_insert_with(|| now.as_ref().clone());
            assert_eq!(known, now.as_ref(), "an id of another meaning");
        }
    }
    let names: BTreeSet<&RuleName> = image.names.rule_names().values().map(AsRef::as_ref).collect();
    // Live are a rule of each policy and the denies of both rule sets. As many, and 1024, are remembered beside them.
    let live = 3 + 2;
    assert_eq!(image.names.rule_names().len(), live + 1024 + live);
    assert!(names.contains(&rule_of(1000)) && !names.contains(&rule_of(100)));
    let of = |port| ids.iter().filter(|(_, name)| **name == rule_of(port)).count();
    assert_eq!((of(1), of(1200)), (1, 1), "one id each");
}

#[test]
fn rows_are_as_short_as_their_rules_and_only_for_classes_that_somebody_has() {
    let first = settle(&MapImage::default(), &scene([any()]).build(), &both()).0;
    let web = first.tables.endpoints.get(&1).unwrap().rule_set;
    let row = first.tables.row_content(web, Direction::Egress.into(), DEFAULT_CLASS).unwrap();
    assert_eq!(row.len(), 1, "everything is one interval: {row:?}");
    let mut image = first;
    for rules in [
        vec![to_db(80), to_db(81)],
        vec![rule([block("10.0.0.0/24", ["10.0.0.8/30"])], [tcp(80)]), to_db(443)],
        vec![rule([block("10.0.0.0/24", [])], [])],
        vec![to_db(80)],
    ] {
        image = settle(&image, &scene(rules).build(), &both()).0;
        let tables = &image.tables;
        let mut used: BTreeSet<u32> =
            tables.addresses.values().chain(tables.prefixes.values()).copied().collect();
        used.insert(DEFAULT_CLASS);
        for class in tables.rows.keys().map(|key| key.class_direction >> 1) {
            assert!(used.contains(&class), "class {class} has a row and no address");
        }
    }
}

/// What a change costs: the addresses that it tells apart from most others, not the others.
#[test]
fn most_addresses_keep_their_class() {
    let with = |apart: u8, rules: Option<Rule>| {
        let mut scene = cluster().pod("a/web", [("app", "web")], ["10.0.0.1"]).pod(
            "a/job",
            [("app", "job")],
            ["10.0.0.2"],
        );
        for number in 0..10 {
            let tier = if number < apart { "x" } else { "y" };
            let db = format!("a/db-{number}");
            scene = scene.pod(&db, [("app", "db"), ("tier", tier)], []);
            scene = scene.change(&db, |db| db.addresses = [[10, 0, 1, number].into()].into());
        }
        let policies = rules.map(|rule| policy("a/web").select(labels([("app", "web")])).egress([rule]));
        let scene = scene.policy(policy("a/job").select(labels([("app", "job")])).egress([to_db(80)]));
        policies.into_iter().fold(scene, ClusterBuilder::policy).build()
    };
    for apart in [1, 9] {
        let first = settle(&MapImage::default(), &with(apart, None), &both()).0;
        let to_x = rule([pods(labels([("tier", "x")]))], [tcp(80)]);
        let ops = diff(&first, &planned(&first, &with(apart, Some(to_x)), &both()).image);
        let moved = ops.iter().filter(|op| matches!(op, MapOp::SetAddress { .. }));
        assert_eq!(moved.count(), 1, "{apart} of 10: {ops:?}");
    }
}

#[test]
fn a_rule_set_that_nobody_leaves_keeps_its_id() {
    let of = |image: &MapImage| {
        image.tables.endpoints.values().map(|endpoint| endpoint.rule_set).collect::<Vec<u32>>()
    };
    let first = settle(&MapImage::default(), &scene([to_db(443)]).build(), &both()).0;
    for change in [("app", "cache"), ("app", "web")] {
        let relabelled = scene([to_db(443)]).change("a/db", |db| {
            db.labels = [(change.0.to_owned(), change.1.to_owned())].into();
        });
        assert_eq!(of(&settle(&first, &relabelled.build(), &both()).0), of(&first));
    }
}

/// The places that rows of an image read.
fn places(image: &MapImage) -> impl Iterator<Item = u32> {
    image.tables.rows.values().flat_map(|row| row.start..row.start + row.len)
}

/// A program may be on its way to an interval that the last image had, and to each of a change that failed half-way.
#[test]
fn no_place_is_written_again_while_a_program_may_read_it() {
    let lengths = [1_u16, 5, 2, 9, 3, 1, 7, 4, 6, 2, 2, 5, 5];
    let with = |index: u16, length: u16| {
        let ports = (0..length).map(|port| range(Protocol::Tcp, port * 100 + index + 1, port * 100 + 99));
        scene([rule([pods(labels([("app", "db")]))], ports)]).build()
    };
    let mut image = MapImage::default();
    let mut read: BTreeSet<u32> = BTreeSet::new();
    let mut highest = 0;
    for (index, length) in (0..90).zip(lengths.into_iter().cycle()) {
        let next = planned(&image, &with(index, length), &both()).image;
        let ops = diff(&image, &next);
        for op in &ops {
            if let MapOp::WriteIntervals { start, intervals } = op {
                assert!(!intervals.is_empty());
                let end = start + u32::try_from(intervals.len()).unwrap();
                highest = highest.max(end);
                let used: Vec<u32> = (*start..end).filter(|place| read.contains(place)).collect();
                assert_eq!(used, [0; 0], "written while in use");
            }
        }
        if index % 5 == 4 || index % 7 == 3 {
            image.recover(next, &ops, usize::from(index) * 7 % (ops.len() + 1));
        } else {
            image = next;
        }
        read.extend(places(&image));
        // Every third time somebody waits: only what the last image reads is in use then.
        if index % 3 == 2 {
            image.release();
            read = places(&image).collect();
        }
    }
    assert!(highest < 200, "places are not used again: {highest}");
}

/// Of a change whose writes failed, what was not written is not there, and its generations are owed.
#[test]
fn what_a_failed_change_did_not_write_is_still_to_be_done() {
    let [web, job] = both();
    let before = settle(&MapImage::default(), &scene([to_db(80)]).build(), std::slice::from_ref(&web)).0;
    let both = [at(1, "a/job", "10.0.0.2"), Endpoint { interface_index: 2, ..job }];
    let after = planned(&before, &scene([any()]).build(), &both).image;
    let ops = diff(&before, &after);
    let with = |done: usize| {
        let mut image = before.clone();
        image.recover(after.clone(), &ops, done);
        image
    };
    let (nothing, everything) = (with(0), with(ops.len()));
    assert_eq!((&nothing.endpoints, &nothing.owed), (&before.endpoints, &moved(&before, &after)));
    assert_eq!((&everything.endpoints, &everything.owed), (&after.endpoints, &BTreeSet::new()));
    assert_eq!(everything.tables.rows, after.tables.rows);
    for done in 0..=ops.len() {
        // They move with the next change, whatever that is.
        let image = with(done);
        let next = settle(&image, &scene([any()]).build(), &both).0;
        assert!(moved(&image, &next).is_superset(&image.owed) && next.owed.is_empty());
        let slots: BTreeSet<u16> = slots(&next).into_values().collect();
        assert_eq!(slots.len(), 2);
    }
}

/// What runs has ended before a generation takes effect, and before anything goes that it may be on its way to.
#[test]
fn writes_wait_for_what_runs_and_for_nothing_else() {
    let scenes = [
        (scene([to_db(80)]), both().to_vec()),
        (scene([to_db(80), rule([block("10.0.0.0/8", ["10.1.0.0/16"])], [])]), both().to_vec()),
        (scene([any()]), both().to_vec()),
        (scene([any()]), both()[..1].to_vec()),
        (scene([to_db(443)]), both()[1..].to_vec()),
        (scene([to_db(443)]), vec![at(2, "a/job", "10.0.0.3")]),
        (
            scene([any()]),
            vec![Endpoint {
                prefixes: ["10.0.1.0/24".parse().unwrap()].into(),
                ..at(2, "a/job", "10.0.0.3")
            }],
        ),
        (scene([to_db(443)]).change("a/db", |db| db.addresses = BTreeSet::new()), both()[1..].to_vec()),
        (cluster(), Vec::new()),
    ];
    let mut images = vec![MapImage::default()];
    for (cluster, endpoints) in scenes {
        let last = images.last().unwrap();
        images.push(settle(last, &cluster.build(), &endpoints).0);
    }
    let mut waits = 0;
    for old in &images {
        for new in &images {
            let ops = diff(old, new);
            waits += ops.iter().filter(|op| **op == MapOp::Grace).count();
            check_waits(&ops);
            if old == new {
                assert_eq!(ops, []);
            }
        }
    }
    assert!(waits > 50);
}

/// How late a write comes.
fn stage(op: &MapOp) -> u8 {
    let is_entry =
        matches!(op, MapOp::DeleteAddress { .. } | MapOp::DeletePrefix { .. } | MapOp::DeleteEndpoint { .. });
    if is_entry { 1 } else { 2 * u8::from(matches!(op, MapOp::DeleteRow { .. })) }
}

fn check_waits(ops: &[MapOp]) {
    let runs: Vec<&[MapOp]> = ops.split(|op| *op == MapOp::Grace).collect();
    // A wait that ends the plan leaves an empty run there, and only there.
    let deletes = ops.iter().any(|op| stage(op) > 0);
    let Some((last, before)) = runs.split_last() else { return };
    assert_eq!(last.is_empty(), deletes || ops.is_empty(), "{ops:?}");
    let (mut latest, mut later) = (0, false);
    for run in before.iter().chain([last].into_iter().filter(|_| !deletes)) {
        assert!(!run.is_empty() || ops.is_empty(), "a wait for nothing: {ops:?}");
        let stages: BTreeSet<u8> = run.iter().map(stage).collect();
        assert!(stages.len() <= 1, "no wait between writes and deletes: {run:?}");
        assert!(stages.iter().all(|stage| *stage >= latest), "a write after a delete: {ops:?}");
        latest = stages.into_iter().max().unwrap_or(latest);
        let mut moving = BTreeSet::new();
        let mut taken = false;
        for op in *run {
            match op {
                MapOp::SetGeneration { slot, .. } => {
                    assert!(moving.insert(*slot), "both steps of slot {slot} at once");
                    later = true;
                }
                MapOp::DeleteOwn { .. } | MapOp::DeleteOwnPrefix { .. } => {
                    assert!(!later, "an address goes after its endpoint's rules or generation: {run:?}");
                    taken = true;
                }
                MapOp::SetOwn { .. } | MapOp::SetOwnPrefix { .. } => {
                    assert!(!taken, "no wait between a delete and an insert: {run:?}");
                }
                MapOp::SetEndpoint { .. } => later = true,
                MapOp::WriteIntervals { .. }
                | MapOp::SetRow { .. }
                | MapOp::DeleteRow { .. }
                | MapOp::SetAddress { .. }
                | MapOp::DeleteAddress { .. }
                | MapOp::SetPrefix { .. }
                | MapOp::DeletePrefix { .. }
                | MapOp::DeleteEndpoint { .. }
                | MapOp::SetPolicyGeneration { .. }
                | MapOp::Grace => {}
            }
        }
    }
}
