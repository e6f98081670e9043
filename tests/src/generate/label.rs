//! Labels and selectors.

use std::collections::{BTreeMap, BTreeSet};

use enforcer::model::{Labels, Requirement, Selector};
use proptest::{collection, option, prelude::*, sample::select};

use super::universe::{ABSENT_VALUE, LABEL_KEYS, LABEL_VALUES};

/// Labels of a pod or a namespace: each key is often there.
pub fn labels() -> impl Strategy<Value = Labels> {
    LABEL_KEYS.map(|_| option::weighted(0.7, select(&LABEL_VALUES[..]))).prop_map(|values| {
        let mut labels = Labels::new();
        for (key, value) in LABEL_KEYS.into_iter().zip(values) {
            if let Some(value) = value {
                labels.insert(key.to_owned(), value.to_owned());
            }
        }
        labels
    })
}

/// A selector. The empty one comes often, and most others select something.
pub fn selector() -> impl Strategy<Value = Selector> {
    prop_oneof![
        3 => Just(Selector::default()),
        3 => selector_of(1..=1, 0..=0),
        3 => selector_of(0..=0, 1..=1),
        2 => selector_of(0..=2, 0..=2),
    ]
}

fn selector_of(
    match_labels: std::ops::RangeInclusive<usize>,
    match_expressions: std::ops::RangeInclusive<usize>,
) -> impl Strategy<Value = Selector> {
    // Not `btree_map`: it insists on the number of distinct keys and retries.
    let match_labels = collection::vec((key(), value()), match_labels).prop_map(BTreeMap::from_iter);
    let match_expressions = collection::vec(requirement(), match_expressions);
    (match_labels, match_expressions)
        .prop_map(|(match_labels, match_expressions)| Selector { match_labels, match_expressions })
}

fn requirement() -> impl Strategy<Value = Requirement> {
    prop_oneof![
        key().prop_map(Requirement::Exists),
        key().prop_map(Requirement::DoesNotExist),
        (key(), values()).prop_map(|(key, values)| Requirement::In(key, values)),
        (key(), values()).prop_map(|(key, values)| Requirement::NotIn(key, values)),
    ]
}

fn key() -> impl Strategy<Value = String> {
    select(&LABEL_KEYS[..]).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![6 => select(&LABEL_VALUES[..]), 1 => Just(ABSENT_VALUE)].prop_map(str::to_owned)
}

/// The API refuses an empty list of values.
fn values() -> impl Strategy<Value = BTreeSet<String>> {
    collection::vec(value(), 1..=2).prop_map(BTreeSet::from_iter)
}
