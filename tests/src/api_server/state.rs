//! What there is, and what has happened.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{
    Request,
    behaviour::Behaviour,
    collection::{Collection, Key, Objects, Part, Text, key},
};

/// A change of one object.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) version: u64,
    pub(super) collection: Collection,
    /// `ADDED`, `MODIFIED` or `DELETED`.
    pub(super) what: &'static str,
    pub(super) object: Text,
}

/// Everything that the server knows.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Counts all changes, as etcd's revision does.
    pub(super) version: u64,
    pub(super) objects: BTreeMap<Collection, Objects>,
    /// The changes after `forgotten`.
    pub(super) history: Vec<Event>,
    /// Nothing is known of how things were before this version.
    pub(super) forgotten: u64,
    pub(super) bookmarks: u64,
    pub(super) cuts: u64,
    /// The rest of lists that were given in part, by their `continue`.
    pub(super) pages: BTreeMap<String, Vec<Text>>,
    pub(super) behaviour: Behaviour,
    pub(super) requests: Vec<Request>,
    pub(super) watches: usize,
    /// What clients have written, by path.
    pub(super) written: BTreeMap<String, Value>,
}

impl State {
    pub(super) fn put(&mut self, mut object: Value) -> Result<()> {
        let kind = object.get("kind").and_then(Value::as_str).context("an object has a kind")?;
        let collection = Collection::of(kind).with_context(|| format!("{kind} is not served"))?;
        self.version += 1;
        let key = key(&object);
        ensure!(!key.1.is_empty(), "an object has a name");
        let meta = object.get_mut("metadata").and_then(Value::as_object_mut).context("metadata is a map")?;
        meta.insert("resourceVersion".to_owned(), json!(self.version.to_string()));
        if let Some(fields) = object.as_object_mut() {
            fields.insert("apiVersion".to_owned(), json!(collection.api_version));
        }
        let object = Text::from(object.to_string());
        let objects = self.objects.entry(collection).or_default();
        let what = if objects.contains_key(&key) { "MODIFIED" } else { "ADDED" };
        objects.insert(key, object.clone());
        self.history.push(Event { version: self.version, collection, what, object });
        Ok(())
    }

    pub(super) fn delete(&mut self, kind: &str, namespace: &str, name: &str) -> Result<()> {
        let (collection, object) = self.take(kind, namespace, name)?;
        let mut object: Value = serde_json::from_str(&object)?;
        // The server sends the object as it was, with the version of its end.
        if let Some(version) = object.pointer_mut("/metadata/resourceVersion") {
            *version = json!(self.version.to_string());
        }
        self.history.push(Event {
            version: self.version,
            collection,
            what: "DELETED",
            object: object.to_string().into(),
        });
        Ok(())
    }

    pub(super) fn lose(&mut self, kind: &str, namespace: &str, name: &str) -> Result<()> {
        self.take(kind, namespace, name).map(drop)
    }

    fn take(&mut self, kind: &str, namespace: &str, name: &str) -> Result<(Collection, Text)> {
        let collection = Collection::of(kind).with_context(|| format!("{kind} is not served"))?;
        let key: Key = (namespace.to_owned(), name.to_owned());
        let object = self.objects.get_mut(&collection).and_then(|objects| objects.remove(&key));
        let object = object.with_context(|| format!("there is no {kind} {namespace}/{name}"))?;
        self.version += 1;
        Ok((collection, object))
    }

    pub(super) fn expire(&mut self) {
        self.version += 1;
        self.forgotten = self.version;
        self.history.clear();
        self.pages.clear();
    }

    pub(super) fn bookmark(&mut self) {
        self.bookmarks += 1;
    }

    /// All objects of a kind, or those of a namespace.
    pub(super) fn list(&self, collection: Collection, part: &Part) -> Vec<Text> {
        let is_in = |(namespace, _): &Key| match part {
            Part::Namespace(only) => only == namespace,
            Part::All | Part::Object(_) => true,
        };
        let objects = self.objects.get(&collection).into_iter().flatten();
        objects.filter(|(key, _)| is_in(key)).map(|(_, object)| object.clone()).collect()
    }
}
