//! The frame around objects in the server's answers: pages of a list, lines of a watch. Objects stay text until
//! somebody reads them one by one.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::fault::Fault;

/// The annotation of the bookmark that ends a streaming list.
const END_OF_LIST: &str = "k8s.io/initial-events-end";

/// One page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Page<'a> {
    #[serde(default)]
    pub(super) metadata: ListMeta,
    #[serde(borrow, default)]
    pub(super) items: Option<Vec<&'a RawValue>>,
}

/// `ListMeta` of `meta/v1`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListMeta {
    pub(super) resource_version: Option<String>,
    #[serde(rename = "continue")]
    pub(super) continue_: Option<String>,
}

/// What tells an object from others, read without the rest of it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta {
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) resource_version: Option<String>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Headed {
    #[serde(default)]
    metadata: Meta,
}

/// One line of a watch.
#[derive(Debug)]
pub(super) enum Event<'a> {
    /// The object is there, new or changed.
    Put(&'a RawValue),
    /// The object is gone; this is what it was.
    Gone(&'a RawValue),
    /// Nothing older than this version will come.
    Bookmark {
        version: String,
        /// The list that the watch began with is complete.
        ends_list: bool,
    },
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    object: &'a RawValue,
}

/// `Status` of `meta/v1`, of which people want the message.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Status {
    pub(super) message: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) code: Option<u16>,
}

impl Status {
    /// The server's words.
    pub(super) fn words(&self) -> String {
        let words = self.message.as_ref().or(self.reason.as_ref()).map(String::as_str);
        words.filter(|words| !words.is_empty()).unwrap_or("without a reason").to_owned()
    }
}

/// Reads one line of a watch. An `ERROR` line is a [`Fault`].
pub(super) fn read_event(line: &[u8]) -> Result<Event<'_>, Fault> {
    let Line { kind, object } = serde_json::from_slice(line).map_err(|error| garbled(&error))?;
    match kind.as_str() {
        "ADDED" | "MODIFIED" => Ok(Event::Put(object)),
        "DELETED" => Ok(Event::Gone(object)),
        "BOOKMARK" => {
            let meta = read_meta(object)?;
            let ends_list =
                meta.annotations.unwrap_or_default().get(END_OF_LIST).is_some_and(|value| value == "true");
            Ok(Event::Bookmark { version: meta.resource_version.unwrap_or_default(), ends_list })
        }
        "ERROR" => {
            let status: Status = serde_json::from_str(object.get()).map_err(|error| garbled(&error))?;
            match status.code {
                Some(410) => Err(Fault::Gone),
                code => Err(Fault::Refused { code: code.unwrap_or_default(), message: status.words() }),
            }
        }
        other => Err(Fault::Garbled(format!("an event of type {other:?}"))),
    }
}

/// Reads an object's metadata only.
pub(super) fn read_meta(object: &RawValue) -> Result<Meta, Fault> {
    serde_json::from_str(object.get()).map(|Headed { metadata }| metadata).map_err(|error| garbled(&error))
}

/// Reads a page.
pub(super) fn read_page(text: &[u8]) -> Result<Page<'_>, Fault> {
    serde_json::from_slice(text).map_err(|error| garbled(&error))
}

fn garbled(error: &serde_json::Error) -> Fault {
    Fault::Garbled(error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_apart_in_any_order_of_fields() {
        let line = br#"{"object":{"metadata":{"name":"a"}},"type":"MODIFIED"}"#;
        let Ok(Event::Put(object)) = read_event(line) else { panic!() };
        assert_eq!(read_meta(object).unwrap().name.as_deref(), Some("a"));
        assert!(matches!(read_event(br#"{"type":"DELETED","object":{}}"#), Ok(Event::Gone(_))));
        let text = r#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7","annotations":{"k8s.io/initial-events-end":"true"}}}}"#;
        let Ok(Event::Bookmark { version, ends_list: true }) = read_event(text.as_bytes()) else { panic!() };
        assert_eq!(version, "7");
        let text = r#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"8","annotations":null}}}"#;
        assert!(matches!(read_event(text.as_bytes()), Ok(Event::Bookmark { ends_list: false, .. })));
    }

    #[test]
    fn errors_are_faults_and_410_is_its_own() {
        let gone = br#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}"#;
        assert_eq!(read_event(gone).unwrap_err(), Fault::Gone);
        let other = br#"{"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd"}}"#;
        let refused = Fault::Refused { code: 500, message: "etcd".to_owned() };
        assert_eq!(read_event(other).unwrap_err(), refused);
        for bad in [&b"<html>"[..], br#"{"type":"X","object":{}}"#, br#"{"type":"ADDED"}"#] {
            assert!(matches!(read_event(bad), Err(Fault::Garbled(_))));
        }
    }

    #[test]
    fn an_empty_page_may_have_null_for_items() {
        let page =
            read_page(br#"{"kind":"PodList","metadata":{"resourceVersion":"5"},"items":null}"#).unwrap();
        assert!(page.items.unwrap_or_default().is_empty());
        assert_eq!(page.metadata.resource_version.as_deref(), Some("5"));
    }
}
