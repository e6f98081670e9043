//! `v1` Namespace.

use k8s_openapi::api::core::v1;

use super::{
    Field, Findings,
    meta::{NameSyntax, convert_labels, convert_name},
};
use crate::model::{Labels, Namespace};

/// The label that the API server gives every namespace.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Converts a Namespace.
pub fn convert_namespace(object: &v1::Namespace, findings: &mut Findings) -> Option<Namespace> {
    findings.guard(|findings| {
        let labels = convert_labels(
            object.metadata.labels.as_ref(),
            &Field::root("metadata").child("labels"),
            findings,
        );
        Some(build(convert_name(&object.metadata, NameSyntax::Label, findings)?, labels))
    })
}

/// The namespace that exists because something is in it.
#[must_use]
pub fn imply_namespace(name: &str) -> Namespace {
    build(name.to_owned(), Labels::new())
}

fn build(name: String, mut labels: Labels) -> Namespace {
    labels.insert(NAME_LABEL.to_owned(), name.clone());
    Namespace { name, labels }
}
