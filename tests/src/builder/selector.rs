//! Label selectors.

use std::collections::BTreeSet;

use enforcer::model::{Requirement, Selector};

/// The empty selector.
#[must_use]
pub fn everything() -> Selector {
    Selector::default()
}

/// `matchLabels`
#[must_use]
pub fn labels<const N: usize>(labels: [(&str, &str); N]) -> Selector {
    let match_labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    Selector { match_labels, match_expressions: Vec::new() }
}

/// `matchExpressions`
#[must_use]
pub fn expressions(requirements: impl IntoIterator<Item = Requirement>) -> Selector {
    Selector { match_expressions: requirements.into_iter().collect(), ..Selector::default() }
}

/// `In`
#[must_use]
pub fn is_in<const N: usize>(key: &str, values: [&str; N]) -> Requirement {
    Requirement::In(key.into(), set(values))
}

/// `NotIn`
#[must_use]
pub fn not_in<const N: usize>(key: &str, values: [&str; N]) -> Requirement {
    Requirement::NotIn(key.into(), set(values))
}

/// `Exists`
#[must_use]
pub fn exists(key: &str) -> Requirement {
    Requirement::Exists(key.into())
}

/// `DoesNotExist`
#[must_use]
pub fn does_not_exist(key: &str) -> Requirement {
    Requirement::DoesNotExist(key.into())
}

fn set<const N: usize>(values: [&str; N]) -> BTreeSet<String> {
    values.map(str::to_owned).into()
}
