//! Label selectors: `matchLabels` and `matchExpressions`, all of which must hold.

use enforcer::model::{Labels, Requirement, Selector};

/// "empty selectors" (3.2): nothing is required, so everything is selected.
pub(super) fn matches(selector: &Selector, labels: &Labels) -> bool {
    for (key, wanted) in &selector.match_labels {
        match labels.get(key) {
            Some(value) if value == wanted => {}
            Some(_) | None => return false,
        }
    }
    for requirement in &selector.match_expressions {
        if !holds(requirement, labels) {
            return false;
        }
    }
    true
}

fn holds(requirement: &Requirement, labels: &Labels) -> bool {
    match requirement {
        Requirement::In(key, values) => match labels.get(key) {
            Some(value) => values.iter().any(|candidate| candidate == value),
            None => false,
        },
        // "NotIn matches a missing key", as `LabelSelector` of the API has it.
        Requirement::NotIn(key, values) => match labels.get(key) {
            Some(value) => values.iter().all(|candidate| candidate != value),
            None => true,
        },
        Requirement::Exists(key) => labels.keys().any(|candidate| candidate == key),
        Requirement::DoesNotExist(key) => labels.keys().all(|candidate| candidate != key),
    }
}
