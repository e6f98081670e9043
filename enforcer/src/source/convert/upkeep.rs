//! What `metadata` carries for others: annotations, owners, finalizers. It decides nothing here; it is checked because
//! the API server refuses an object for it. (What the server sets itself, `managedFields` and `generation`, is not.)

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::{Fault, Field, Findings, name::is_label_key};

/// All annotations of an object together, 256 KiB.
const ANNOTATIONS_MAX: usize = 256 * 1024;

/// The two ways to delete what an object owns; only one can be chosen.
const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

pub(super) fn check_upkeep(meta: &ObjectMeta, findings: &mut Findings) {
    let at_meta = Field::root("metadata");
    if let Some(annotations) = &meta.annotations {
        check_annotations(annotations, &at_meta.child("annotations"), findings);
    }
    let owners = meta.owner_references.as_deref().unwrap_or_default();
    check_owners(owners, &at_meta.child("ownerReferences"), findings);
    let finalizers = meta.finalizers.as_deref().unwrap_or_default();
    check_finalizers(finalizers, &at_meta.child("finalizers"), findings);
}

/// Keys are those of labels, in any case.
fn check_annotations(annotations: &BTreeMap<String, String>, field: &Field, findings: &mut Findings) {
    for key in annotations.keys().filter(|key| !is_label_key(&key.to_lowercase())) {
        findings.note(field, Fault::LabelKey(key.clone()));
    }
    let size = annotations.iter().map(|(key, value)| key.len() + value.len()).sum();
    if size > ANNOTATIONS_MAX {
        findings.note(field, Fault::AnnotationsTooLong { size, limit: ANNOTATIONS_MAX });
    }
}

fn check_owners(owners: &[OwnerReference], field: &Field, findings: &mut Findings) {
    for (index, owner) in owners.iter().enumerate() {
        let at = field.index(index);
        let version = match owner.api_version.split('/').collect::<Vec<_>>()[..] {
            [version] | [_, version] => version,
            _ => "",
        };
        let needed =
            [("apiVersion", version), ("kind", &owner.kind), ("name", &owner.name), ("uid", &owner.uid)];
        for (name, _) in needed.into_iter().filter(|(_, value)| value.is_empty()) {
            findings.note(&at.child(name), Fault::Missing);
        }
        if owner.api_version == "v1" && owner.kind == "Event" {
            findings.note(&at, Fault::Owner("v1 Event".to_owned()));
        }
    }
    if owners.iter().filter(|owner| owner.controller == Some(true)).count() > 1 {
        findings.note(field, Fault::Controllers);
    }
}

fn check_finalizers(finalizers: &[String], field: &Field, findings: &mut Findings) {
    for finalizer in finalizers.iter().filter(|finalizer| !is_label_key(finalizer)) {
        findings.note(field, Fault::LabelKey(finalizer.clone()));
    }
    let has = |wanted| finalizers.iter().any(|finalizer| finalizer == wanted);
    if has(ORPHAN) && has(FOREGROUND) {
        findings.note(field, Fault::Finalizers(FOREGROUND, ORPHAN));
    }
}
