//! `metadata`: names and labels.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{
    Fault, Field, Findings,
    name::{is_dns_label, is_dns_subdomain, is_label_key, is_label_value},
    upkeep::check_upkeep,
};
use crate::model::{Labels, ObjectName};

/// The namespace of an object that names none, as `kubectl` has it.
const DEFAULT_NAMESPACE: &str = "default";

/// What a kind's names must be like.
#[derive(Debug, Clone, Copy)]
pub(super) enum NameSyntax {
    Label,
    Subdomain,
}

impl NameSyntax {
    fn fault(self, name: &str) -> Option<Fault> {
        match self {
            Self::Label => (!is_dns_label(name)).then(|| Fault::DnsLabel(name.to_owned())),
            Self::Subdomain => (!is_dns_subdomain(name)).then(|| Fault::DnsSubdomain(name.to_owned())),
        }
    }
}

/// `metadata.name`
pub(super) fn convert_name(meta: &ObjectMeta, syntax: NameSyntax, findings: &mut Findings) -> Option<String> {
    check_upkeep(meta, findings);
    check_generate_name(meta, syntax, findings);
    let field = Field::root("metadata").child("name");
    let name = meta.name.as_deref().unwrap_or_default();
    if name.is_empty() {
        return findings.refuse(&field, Fault::Missing);
    }
    match syntax.fault(name) {
        Some(fault) => findings.refuse(&field, fault),
        None => Some(name.to_owned()),
    }
}

/// A prefix, so it may end in a dash. The API server tries it with the end that a name could have.
fn check_generate_name(meta: &ObjectMeta, syntax: NameSyntax, findings: &mut Findings) {
    let Some(prefix) = meta.generate_name.as_deref().filter(|prefix| !prefix.is_empty()) else { return };
    let mut tried = prefix.to_owned();
    if prefix.len() > 1 && tried.ends_with('-') {
        tried.pop();
        tried.pop();
        tried.push('a');
    }
    if syntax.fault(&tried).is_some() {
        let fault = match syntax {
            NameSyntax::Label => Fault::DnsLabel(prefix.to_owned()),
            NameSyntax::Subdomain => Fault::DnsSubdomain(prefix.to_owned()),
        };
        findings.note(&Field::root("metadata").child("generateName"), fault);
    }
}

/// `metadata.namespace` and `metadata.name`
pub(super) fn convert_object_name(
    meta: &ObjectMeta,
    syntax: NameSyntax,
    findings: &mut Findings,
) -> Option<ObjectName> {
    let name = convert_name(meta, syntax, findings);
    let namespace = match meta.namespace.as_deref() {
        None | Some("") => DEFAULT_NAMESPACE,
        Some(namespace) => namespace,
    };
    if !is_dns_label(namespace) {
        return findings
            .refuse(&Field::root("metadata").child("namespace"), Fault::DnsLabel(namespace.to_owned()));
    }
    Some(ObjectName::new(namespace, name?))
}

/// `metadata.labels`, or the `matchLabels` of a selector.
pub(super) fn convert_labels(
    labels: Option<&BTreeMap<String, String>>,
    field: &Field,
    findings: &mut Findings,
) -> Labels {
    let Some(labels) = labels else { return Labels::new() };
    for (key, value) in labels {
        if !is_label_key(key) {
            findings.note(field, Fault::LabelKey(key.clone()));
        }
        if !is_label_value(value) {
            findings.note(&field.child(key), Fault::LabelValue(value.clone()));
        }
    }
    labels.clone()
}
