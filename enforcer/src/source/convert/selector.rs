//! `LabelSelector` of `meta/v1`.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use super::{
    Fault, Field, Findings,
    meta::convert_labels,
    name::{is_label_key, is_label_value},
};
use crate::model::{Requirement, Selector};

/// Converts a selector; what a missing one means, its user knows.
pub(super) fn convert_selector(selector: &LabelSelector, field: &Field, findings: &mut Findings) -> Selector {
    let match_labels = convert_labels(selector.match_labels.as_ref(), &field.child("matchLabels"), findings);
    let expressions = field.child("matchExpressions");
    let match_expressions = selector
        .match_expressions
        .iter()
        .flatten()
        .enumerate()
        .filter_map(|(index, requirement)| {
            convert_requirement(requirement, &expressions.index(index), findings)
        })
        .collect();
    Selector { match_labels, match_expressions }
}

fn convert_requirement(
    requirement: &LabelSelectorRequirement,
    field: &Field,
    findings: &mut Findings,
) -> Option<Requirement> {
    let key = requirement.key.clone();
    if key.is_empty() {
        findings.note(&field.child("key"), Fault::Missing);
    } else if !is_label_key(&key) {
        findings.note(&field.child("key"), Fault::LabelKey(key.clone()));
    }
    let at_values = field.child("values");
    let values: BTreeSet<String> = requirement.values.iter().flatten().cloned().collect();
    for (index, value) in requirement.values.iter().flatten().enumerate() {
        if !is_label_value(value) {
            findings.note(&at_values.index(index), Fault::LabelValue(value.clone()));
        }
    }
    let operator = requirement.operator.as_str();
    match operator {
        "In" | "NotIn" if values.is_empty() => findings.refuse(&at_values, Fault::ValuesMissing),
        "Exists" | "DoesNotExist" if !values.is_empty() => findings.refuse(&at_values, Fault::ValuesPresent),
        "In" => Some(Requirement::In(key, values)),
        "NotIn" => Some(Requirement::NotIn(key, values)),
        "Exists" => Some(Requirement::Exists(key)),
        "DoesNotExist" => Some(Requirement::DoesNotExist(key)),
        _ => findings.refuse(&field.child("operator"), Fault::Operator(operator.to_owned())),
    }
}
