//! The kinds that it serves, and their objects.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

/// A kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Collection {
    /// `kind`
    pub kind: &'static str,
    /// `apiVersion`
    pub api_version: &'static str,
    /// The path of its list.
    pub path: &'static str,
}

const fn collection(kind: &'static str, api_version: &'static str, path: &'static str) -> Collection {
    Collection { kind, api_version, path }
}

impl Collection {
    /// All of them.
    pub const ALL: [Self; 6] = [
        collection("Namespace", "v1", "/api/v1/namespaces"),
        collection("Node", "v1", "/api/v1/nodes"),
        collection("Pod", "v1", "/api/v1/pods"),
        collection("Service", "v1", "/api/v1/services"),
        collection("EndpointSlice", "discovery.k8s.io/v1", "/apis/discovery.k8s.io/v1/endpointslices"),
        collection("NetworkPolicy", "networking.k8s.io/v1", "/apis/networking.k8s.io/v1/networkpolicies"),
    ];

    /// By its `kind`.
    #[must_use]
    pub fn of(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|collection| collection.kind == kind)
    }

    /// By the path of its list.
    #[must_use]
    pub fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|collection| collection.path == path)
    }
}

/// What of a kind a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    All,
    Namespace(String),
    Object(Key),
}

/// The kind and the part of it that a path names.
pub(super) fn part_at(path: &str) -> Option<(Collection, Part)> {
    if let Some(collection) = Collection::at(path) {
        return Some((collection, Part::All));
    }
    Collection::ALL.into_iter().find_map(|collection| {
        let (group, plural) = collection.path.rsplit_once('/')?;
        let rest: Vec<&str> = path.strip_prefix(group)?.strip_prefix('/')?.split('/').collect();
        let part = match rest.as_slice() {
            ["namespaces", namespace, kind] if *kind == plural => Part::Namespace((*namespace).to_owned()),
            ["namespaces", namespace, kind, name] if *kind == plural => {
                Part::Object(((*namespace).to_owned(), (*name).to_owned()))
            }
            [kind, name] if *kind == plural => Part::Object((String::new(), (*name).to_owned())),
            _ => return None,
        };
        Some((collection, part))
    })
}

/// Namespace and name.
pub(super) type Key = (String, String);

/// An object's JSON, as every list and watch sends it: a cluster of 100,000 pods is written once.
pub(super) type Text = Arc<str>;

/// The objects of one kind.
pub(super) type Objects = BTreeMap<Key, Text>;

/// What an object is called.
pub(super) fn key(object: &Value) -> Key {
    let text = |field: &str| object.pointer(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("/metadata/namespace"), text("/metadata/name"))
}
