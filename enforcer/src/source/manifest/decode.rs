//! From a document's tree to our types: strict decoding, then conversion.

use k8s_openapi::api::{
    apps::v1 as apps, batch::v1 as batch, core::v1 as core, discovery::v1 as discovery,
    networking::v1 as networking,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{object::ManifestKind, tree::Tree};
use crate::{
    model::{Object, Pod},
    source::{
        Severity,
        convert::{
            Fault, Field, Findings, Segment, convert_daemon_set, convert_deployment, convert_endpoint_slice,
            convert_job, convert_namespace, convert_node, convert_pod, convert_policy, convert_replica_set,
            convert_service, convert_stateful_set,
        },
    },
};

/// Decodes an object; `None` when it must be refused. A workload gives its pods.
pub(super) fn decode(kind: ManifestKind, tree: &Tree, findings: &mut Findings) -> Option<Vec<Object>> {
    let value = tree.to_value();
    // A typo in a policy would silently widen or narrow it; elsewhere it seldom matters to us, and
    // manifests for newer servers must not stop an agent.
    let unknown = if kind == ManifestKind::NetworkPolicy { Severity::Error } else { Severity::Warning };
    let one = |object: Object| vec![object];
    let all = |pods: Vec<Pod>| pods.into_iter().map(Object::Pod).collect();
    let objects = match kind {
        ManifestKind::Namespace => {
            let typed = decode_typed::<core::Namespace>(value, unknown, findings)?;
            convert_namespace(&typed, findings).map(Object::Namespace).map(one)
        }
        ManifestKind::Pod => {
            let typed = decode_typed::<core::Pod>(value, unknown, findings)?;
            convert_pod(&typed, findings).map(Object::Pod).map(one)
        }
        ManifestKind::NetworkPolicy => {
            let typed = decode_typed::<networking::NetworkPolicy>(value, unknown, findings)?;
            convert_policy(&typed, findings).map(Object::Policy).map(one)
        }
        ManifestKind::Service => {
            let typed = decode_typed::<core::Service>(value, unknown, findings)?;
            convert_service(&typed, findings).map(Object::Service).map(one)
        }
        ManifestKind::EndpointSlice => {
            let typed = decode_typed::<discovery::EndpointSlice>(value, unknown, findings)?;
            convert_endpoint_slice(&typed, findings).map(Object::EndpointSlice).map(one)
        }
        ManifestKind::Node => {
            let typed = decode_typed::<core::Node>(value, unknown, findings)?;
            convert_node(&typed, findings).map(Object::Node).map(one)
        }
        ManifestKind::Deployment => {
            let typed = decode_typed::<apps::Deployment>(value, unknown, findings)?;
            convert_deployment(&typed, findings).map(all)
        }
        ManifestKind::StatefulSet => {
            let typed = decode_typed::<apps::StatefulSet>(value, unknown, findings)?;
            convert_stateful_set(&typed, findings).map(all)
        }
        ManifestKind::DaemonSet => {
            let typed = decode_typed::<apps::DaemonSet>(value, unknown, findings)?;
            convert_daemon_set(&typed, findings).map(all)
        }
        ManifestKind::ReplicaSet => {
            let typed = decode_typed::<apps::ReplicaSet>(value, unknown, findings)?;
            convert_replica_set(&typed, findings).map(all)
        }
        ManifestKind::Job => {
            let typed = decode_typed::<batch::Job>(value, unknown, findings)?;
            convert_job(&typed, findings).map(all)
        }
    };
    objects.filter(|_| !findings.refuses())
}

/// Decodes a value into a type, notes each field that the type does not have, and where a value does not fit.
pub(crate) fn decode_typed<T: DeserializeOwned>(
    value: Value,
    unknown: Severity,
    findings: &mut Findings,
) -> Option<T> {
    let mut unknown_fields = Vec::new();
    let mut note_unknown = |path: serde_ignored::Path<'_>| unknown_fields.push(field_of_ignored(&path));
    let mut track = serde_path_to_error::Track::new();
    let decoded = T::deserialize(serde_path_to_error::Deserializer::new(
        serde_ignored::Deserializer::new(value, &mut note_unknown),
        &mut track,
    ));
    for field in unknown_fields {
        findings.note(&field, Fault::UnknownField(unknown));
    }
    match decoded {
        Ok(decoded) => Some(decoded),
        Err(error) => {
            let field = field_of_error(&track.path());
            findings.note(&field, Fault::Type(error.to_string()));
            None
        }
    }
}

fn field_of_error(path: &serde_path_to_error::Path) -> Field {
    path.iter()
        .filter_map(|segment| match segment {
            serde_path_to_error::Segment::Seq { index } => Some(Segment::Index(*index)),
            serde_path_to_error::Segment::Map { key } => Some(Segment::Name(key.clone())),
            serde_path_to_error::Segment::Enum { variant } => Some(Segment::Name(variant.clone())),
            serde_path_to_error::Segment::Unknown => None,
        })
        .collect()
}

fn field_of_ignored(path: &serde_ignored::Path<'_>) -> Field {
    match path {
        serde_ignored::Path::Root => Field::default(),
        serde_ignored::Path::Seq { parent, index } => field_of_ignored(parent).index(*index),
        serde_ignored::Path::Map { parent, key } => field_of_ignored(parent).child(key),
        serde_ignored::Path::Some { parent }
        | serde_ignored::Path::NewtypeStruct { parent }
        | serde_ignored::Path::NewtypeVariant { parent } => field_of_ignored(parent),
    }
}
