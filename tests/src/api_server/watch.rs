//! The lines of one watch.

use std::{sync::Arc, time::Duration};

use http_body_util::channel::Sender;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::{
    Shared,
    answer::status,
    collection::{Collection, Part, Text},
};

/// Where a watch begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start {
    /// With all objects, and a bookmark after them.
    List,
    /// With all objects, and nothing that says where they end.
    Now,
    /// With an error: the storage cannot do what was asked.
    Unstored,
    /// With what came after this version.
    After(u64),
}

/// How long a watch lasts of which the client does not say it.
const LONGEST: Duration = Duration::from_secs(3600);

/// The type of a line that ends a watch.
const ERROR: &str = "ERROR";

/// A line of a watch.
struct Line {
    what: &'static str,
    object: Text,
}

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
        for Line { what, object } in lines {
            let line = format!("{{\"type\":\"{what}\",\"object\":{object}}}\n");
            if sender.send_data(Bytes::from(line)).await.is_err() || what == ERROR {
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

fn begin(shared: &Shared, collection: Collection, start: Start) -> (Vec<Line>, Told) {
    let state = shared.state();
    let mut told = Told { version: state.version, bookmarks: state.bookmarks };
    let mut lines = Vec::new();
    match start {
        Start::After(version) => told.version = version,
        Start::Unstored => {
            let words = "the required storage feature RequestWatchProgress is disabled";
            lines.push(Line { what: ERROR, object: status(500, words).to_string().into() });
        }
        Start::List | Start::Now => {
            let objects = state.list(collection, &Part::All).into_iter();
            lines.extend(objects.map(|object| Line { what: "ADDED", object }));
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

fn go_on(shared: &Shared, collection: Collection, told: &mut Told) -> Vec<Line> {
    let state = shared.state();
    if state.behaviour.mute.as_deref() == Some(collection.path) {
        return Vec::new();
    }
    if told.version < state.forgotten {
        let object = status(410, "too old resource version").to_string().into();
        return vec![Line { what: ERROR, object }];
    }
    let news =
        state.history.iter().filter(|event| event.version > told.version && event.collection == collection);
    let mut lines: Vec<Line> =
        news.map(|event| Line { what: event.what, object: Arc::clone(&event.object) }).collect();
    if state.bookmarks > told.bookmarks {
        lines.push(bookmark(collection, state.version, &json!({})));
    }
    *told = Told { version: state.version, bookmarks: state.bookmarks };
    lines
}

fn bookmark(collection: Collection, version: u64, annotations: &Value) -> Line {
    let object = json!({
        "kind": collection.kind,
        "apiVersion": collection.api_version,
        "metadata": {"resourceVersion": version.to_string(), "annotations": annotations},
    });
    Line { what: "BOOKMARK", object: object.to_string().into() }
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
