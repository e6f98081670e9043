//! What a request is answered.

use std::{collections::BTreeMap, sync::Arc};

use http_body_util::{Either, Full, channel::Channel};
use hyper::{Response, StatusCode, body::Bytes, header};
use serde_json::{Value, json};

use super::{
    Request, Shared,
    behaviour::{Gone, Streams},
    collection::{Collection, Part, Text, part_at},
    state::State,
    watch::{self, Start},
};

/// An answer: all at once, or line by line.
pub(super) type Answer = Response<Either<Full<Bytes>, Channel<Bytes>>>;

/// Lines that may wait for a client.
const LINES: usize = 64;

pub(super) fn answer(request: &Request, shared: &Arc<Shared>) -> Answer {
    let options = options(&request.query);
    let (collection, start) = {
        let mut state = shared.state();
        if let Some((count, seconds)) = state.behaviour.throttle.filter(|(count, _)| *count > 0) {
            state.behaviour.throttle = Some((count - 1, seconds));
            // As the server's priority and fairness says it: plain text, and a header.
            let mut answer =
                whole(StatusCode::TOO_MANY_REQUESTS, "Too many requests, please try again later.");
            answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            return answer;
        }
        if let Some((_, code, message)) =
            state.behaviour.refuse.as_ref().filter(|(path, ..)| *path == request.path)
        {
            return refuse(*code, message);
        }
        if request.method != "GET" {
            return write(&mut state, request);
        }
        let Some((collection, part)) = part_at(&request.path) else {
            return refuse(404, "the server could not find the requested resource");
        };
        if let Part::Object(key) = &part {
            return match state.objects.get(&collection).and_then(|objects| objects.get(key)) {
                Some(object) => whole(StatusCode::OK, object.as_ref()),
                None => refuse(404, "not found"),
            };
        }
        if !request.is_watch() {
            return list(&mut state, collection, &part, &options);
        }
        match start(&state, &options) {
            Ok(start) => (collection, start),
            Err((code, message)) => return refuse(code, message),
        }
    };
    let (sender, body) = Channel::new(LINES);
    let seconds = options.get("timeoutSeconds").and_then(|seconds| seconds.parse().ok());
    tokio::spawn(watch::send(Arc::clone(shared), collection, start, seconds, sender));
    Response::new(Either::Right(body))
}

/// Where a watch begins.
fn start(state: &State, options: &BTreeMap<String, String>) -> Result<Start, (u16, &'static str)> {
    let option = |name: &str| options.get(name).map(String::as_str);
    let version: u64 = option("resourceVersion").unwrap_or_default().parse().unwrap_or_default();
    let wants_list = option("sendInitialEvents") == Some("true");
    if wants_list && state.behaviour.streams == Streams::Refused {
        return Err((422, "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch"));
    }
    if wants_list && state.behaviour.streams == Streams::Unstored {
        return Ok(Start::Unstored);
    }
    if wants_list && state.behaviour.streams == Streams::Sent {
        if option("resourceVersionMatch") != Some("NotOlderThan")
            || option("allowWatchBookmarks") != Some("true")
        {
            return Err((422, "resourceVersionMatch: Forbidden: sendInitialEvents needs NotOlderThan"));
        }
        return Ok(Start::List);
    }
    if wants_list || version == 0 {
        return Ok(Start::Now);
    }
    if version < state.forgotten && state.behaviour.gone == Gone::Status {
        return Err((410, "too old resource version"));
    }
    Ok(Start::After(version))
}

/// Kinds of others' groups: kept as they are written, by their paths.
fn write(state: &mut State, request: &Request) -> Answer {
    let Some(object) = &request.body else { return refuse(400, "no JSON") };
    let (code, path) = match (request.method.as_str(), request.form.as_str()) {
        ("POST", "application/json") => {
            let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            (StatusCode::CREATED, format!("{}/{name}", request.path))
        }
        ("PATCH", "application/apply-patch+yaml") if request.query.contains("fieldManager=") => {
            (StatusCode::OK, request.path.clone())
        }
        _ => return refuse(415, "the media type, or the field manager"),
    };
    if request.method == "POST" && state.written.contains_key(&path) {
        return refuse(409, "already exists");
    }
    state.written.insert(path, object.clone());
    whole(code, &object.to_string())
}

fn list(
    state: &mut State,
    collection: Collection,
    part: &Part,
    options: &BTreeMap<String, String>,
) -> Answer {
    let mut rest = match options.get("continue") {
        None => state.list(collection, part),
        Some(token) => match state.pages.remove(token) {
            Some(rest) => rest,
            None => return refuse(410, "The provided continue parameter is too old"),
        },
    };
    let limit = options.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
    let items: Vec<Text> =
        rest.drain(..rest.len().min(limit).min(state.behaviour.page.unwrap_or(limit))).collect();
    let mut token = String::new();
    if !rest.is_empty() {
        token = format!("{}/{}+{}=", collection.path, state.version, rest.len());
        state.pages.insert(token.clone(), rest);
    }
    let metadata = json!({"resourceVersion": state.version.to_string(), "continue": token});
    let (kind, version) = (collection.kind, collection.api_version);
    let items = items.join(",");
    let list = format!(
        r#"{{"kind":"{kind}List","apiVersion":"{version}","metadata":{metadata},"items":[{items}]}}"#
    );
    whole(StatusCode::OK, &list)
}

/// A `Status`, as the server writes it.
pub(super) fn status(code: u16, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "code": code})
}

pub(super) fn refuse(code: u16, message: &str) -> Answer {
    whole(StatusCode::from_u16(code).unwrap_or_default(), &status(code, message).to_string())
}

fn whole(code: StatusCode, text: &str) -> Answer {
    let mut answer = Response::new(Either::Left(Full::new(Bytes::from(text.to_owned()))));
    *answer.status_mut() = code;
    answer
}

/// The options of a query, decoded.
fn options(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), decode(value))).collect()
}

fn decode(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let coded =
            after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match coded.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
