//! The lines of one watch.

use std::{sync::Arc, time::Duration};

use http_body_util::channel::Sender;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::{
    Shared,
    answer::status,
    collection::{Collection, Part},
};

/// Where a watch begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start {
    /// With all objects, and a bookmark after them.
    List,
    /// With all objects, and nothing that says where they end.
    Now,
    /// With what came after this version.
    After(u64),
}

/// How long a watch lasts of which the client does not say it.
const LONGEST: Duration = Duration::from_secs(3600);

/// What a watch has told.
struct Told {
    version: u64,
    bookmarks: u64,
}

/// Sends lines until the watch is over.
pub(super) async fn send(
    shared: Arc<Shared>,
    collection: Collection,
    start: Start,
    seconds: Option<u64>,
    mut sender: Sender<Bytes>,
) {
    let _open = Open::new(&shared);
    let end = Instant::now() + seconds.map_or(LONGEST, Duration::from_secs);
    let mut changed = shared.changed.subscribe();
    let cuts = shared.state().cuts;
    let (mut lines, mut told) = begin(&shared, collection, start);
    loop {
        for line in lines {
            let is_error = line.get("type").and_then(Value::as_str) == Some("ERROR");
            if sender.send_data(Bytes::from(format!("{line}\n"))).await.is_err() || is_error {
                return;
            }
        }
        let is_hasty = shared.state().behaviour.hasty;
        if is_hasty || !matches!(timeout_at(end, changed.changed()).await, Ok(Ok(()))) {
            return;
        }
        if shared.state().cuts != cuts {
            return;
        }
        lines = go_on(&shared, collection, &mut told);
    }
}

fn begin(shared: &Shared, collection: Collection, start: Start) -> (Vec<Value>, Told) {
    let state = shared.state();
    let mut told = Told { version: state.version, bookmarks: state.bookmarks };
    let mut lines = Vec::new();
    match start {
        Start::After(version) => told.version = version,
        Start::List | Start::Now => {
            let objects = state.list(collection, &Part::All).into_iter();
            lines.extend(objects.map(|object| json!({"type": "ADDED", "object": typed(collection, object)})));
        }
    }
    if let Start::List = start {
        lines.push(bookmark(collection, state.version, &json!({"k8s.io/initial-events-end": "true"})));
    }
    drop(state);
    if let Start::After(_) = start {
        lines = go_on(shared, collection, &mut told);
    }
    (lines, told)
}

fn go_on(shared: &Shared, collection: Collection, told: &mut Told) -> Vec<Value> {
    let state = shared.state();
    if state.behaviour.mute.as_deref() == Some(collection.path) {
        return Vec::new();
    }
    if told.version < state.forgotten {
        return vec![json!({"type": "ERROR", "object": status(410, "too old resource version")})];
    }
    let news =
        state.history.iter().filter(|event| event.version > told.version && event.collection == collection);
    let mut lines: Vec<Value> = news
        .map(|event| json!({"type": event.what, "object": typed(collection, event.object.clone())}))
        .collect();
    if state.bookmarks > told.bookmarks {
        lines.push(bookmark(collection, state.version, &json!({})));
    }
    *told = Told { version: state.version, bookmarks: state.bookmarks };
    lines
}

/// An object on its own names its type; one of a list does not.
fn typed(collection: Collection, mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.insert("kind".to_owned(), json!(collection.kind));
        fields.insert("apiVersion".to_owned(), json!(collection.api_version));
    }
    object
}

fn bookmark(collection: Collection, version: u64, annotations: &Value) -> Value {
    let object = json!({"metadata": {"resourceVersion": version.to_string(), "annotations": annotations}});
    json!({"type": "BOOKMARK", "object": typed(collection, object)})
}

/// Counts a watch while it is open.
struct Open<'a>(&'a Shared);

impl<'a> Open<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.change(|state| state.watches += 1);
        Self(shared)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.watches -= 1);
    }
}
