//! What a restarted agent plans from: tables as it finds them, and what was kept of the last writes to them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use enforcer::{
    model::Endpoint,
    plan::{Kept, MapImage, diff},
};
use enforcer_tests::{
    builder::any,
    planned::{at, both, moved, planned, scene, settle, slots, to_db},
};

/// Whichever writes were made when it was killed, the next agent takes up what the tables say.
#[test]
fn an_agent_that_was_killed_is_taken_up_from_where_the_tables_are() {
    let [web, job] = both();
    let before = settle(&MapImage::default(), &scene([to_db(80)]).build(), std::slice::from_ref(&web)).0;
    let both = [at(1, "a/job", "10.0.0.2"), Endpoint { interface_index: 2, ..job }];
    let after = planned(&before, &scene([any()]).build(), &both).image;
    let (ops, kept) = (diff(&before, &after), Kept::of(&before, &after));
    let mut tables = before.tables.clone();
    let mut recovered = before.clone();
    for done in 0..=ops.len() {
        let adopted = MapImage::adopt(tables.clone(), Some(&kept));
        recovered.recover(after.clone(), &ops, done);
        recovered.release();
        assert_eq!((&adopted.tables, &adopted.owed), (&recovered.tables, &recovered.owed), "after {done}");
        assert_eq!((&adopted.endpoints, &adopted.names), (&recovered.endpoints, &recovered.names));
        let next = settle(&adopted, &scene([any()]).build(), &both).0;
        assert!(moved(&adopted, &next).is_superset(&adopted.owed) && next.owed.is_empty());
        tables = before.tables.clone();
        ops.iter().take(done + 1).for_each(|op| tables.apply(op));
        recovered = before.clone();
    }
    // Where nothing was left to do, nothing is done.
    let mut adopted = MapImage::adopt(after.tables.clone(), Some(&kept));
    assert_eq!((&adopted.endpoints, &adopted.rule_sets), (&after.endpoints, &after.rule_sets));
    assert_eq!(
        settle(&adopted, &scene([any()]).build(), &both).1,
        settle(&after, &scene([any()]).build(), &both).1
    );
    adopted = settle(&adopted, &scene([any()]).build(), &both).0;
    assert_eq!(settle(&adopted, &scene([any()]).build(), &both).1, []);
}

/// What was kept is lost: nothing that the tables hold is taken for something that it may not be.
#[test]
fn of_tables_that_nobody_knows_nothing_is_kept() {
    let wanted = scene([to_db(80)]).build();
    let before = settle(&MapImage::default(), &wanted, &both()).0;
    let adopted = MapImage::adopt(before.tables.clone(), None);
    let after = settle(&adopted, &wanted, &both()).0;
    let ids = |image: &MapImage| image.rule_sets.keys().copied().collect::<BTreeSet<u32>>();
    assert!(ids(&before).is_disjoint(&ids(&after)));
    assert!(after.names.rule_names().keys().all(|id| !before.names.rule_names().contains_key(id)));
    let slots_of = |image: &MapImage| slots(image).into_values().collect::<BTreeSet<u16>>();
    assert!(slots_of(&before).is_disjoint(&slots_of(&after)));
    assert_eq!(moved(&before, &after), &slots_of(&before) | &slots_of(&after));
}

/// Slots that another layout's programs still know endpoints by.
#[test]
fn what_is_set_aside_is_given_to_nobody_and_moves_on() {
    let wanted = scene([to_db(80)]).build();
    let generations = [(0, 4), (2, 8)];
    let mut image = MapImage::default();
    image.tables.generations = generations.into();
    image.set_aside(generations.map(|(slot, _)| slot));
    let after = planned(&image, &wanted, &both()).image;
    assert_eq!(slots(&after), [(1, 1), (2, 3)].into());
    assert_eq!(moved(&image, &after), [0, 1, 2, 3].into());
    assert_eq!(after.endpoints.len(), 2);
}
