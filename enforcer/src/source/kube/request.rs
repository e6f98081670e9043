//! Questions to the API server: their URLs, how long an answer is waited for, and what a refusal means.

use std::{
    error::Error,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use http::{HeaderMap, Method, Request, StatusCode, header, request::Builder};
use http_body_util::{BodyExt as _, Limited};
use kube::{Client, client::Body};
use serde_json::Value;
use tokio::time::timeout;

use super::{fault::Fault, lines::Lines, wire::Status};

/// Objects of one page of a list, as `client-go` asks for.
const PAGE: usize = 500;
/// A page of the largest objects that etcd takes would be larger: such a server is asked in vain, and status says so.
const PAGE_BYTES: usize = 256 << 20;
/// What is read of a refusal.
const REFUSAL_BYTES: usize = 64 << 10;
/// `Retry-After` beyond this is cut: a mistaken header must not silence a node for a day.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);

/// How long things may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// From a question to the head of its answer, and between the parts of a list.
    pub answer: Duration,
    /// Silence of a watch until it is opened anew. The server sends a bookmark every minute, as it happens to do; where
    /// it does not, a new watch is cheap.
    pub silence: Duration,
    /// How long a watch lasts until the server ends it: between this and twice as long, by chance.
    pub watch: Duration,
    /// The first pause after a failure; it doubles with each failure in a row.
    pub shortest_pause: Duration,
    /// The longest pause after a failure.
    pub longest_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(30),
            silence: Duration::from_secs(120),
            watch: Duration::from_secs(300),
            shortest_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(30),
        }
    }
}

/// The API server, and what is known of it.
pub(super) struct Server {
    client: Client,
    pub(super) limits: Limits,
    /// It has refused to send a list as a stream.
    lists_only: AtomicBool,
}

/// What a list goes on from.
pub(super) type Continue = Option<String>;

impl Server {
    pub(super) fn new(client: Client, limits: Limits) -> Self {
        Self { client, limits, lists_only: AtomicBool::new(false) }
    }

    /// Whether streaming lists are worth a try.
    pub(super) fn may_stream(&self) -> bool {
        !self.lists_only.load(Ordering::Relaxed)
    }

    /// Remembers what the server can.
    pub(super) fn note_streaming(&self, streams: bool) {
        self.lists_only.store(!streams, Ordering::Relaxed);
    }

    /// One object, as new as the server's data.
    pub(super) async fn object(&self, path: &str) -> Result<Vec<u8>, Fault> {
        let body = self.ask(path).await?;
        self.whole(body).await
    }

    /// One page of a list that is as new as the server's data.
    pub(super) async fn page(&self, path: &str, from: &Continue) -> Result<Vec<u8>, Fault> {
        let mut query = format!("{path}?limit={PAGE}");
        if let Some(token) = from {
            query.push_str("&continue=");
            query.extend(escape(token));
        }
        let body = self.ask(&query).await?;
        self.whole(body).await
    }

    async fn whole(&self, body: Body) -> Result<Vec<u8>, Fault> {
        let whole = Limited::new(body, PAGE_BYTES).collect();
        match timeout(self.limits.answer, whole).await {
            Err(_elapsed) => Err(Fault::Silent(self.limits.answer)),
            Ok(Err(error)) => Err(Fault::Connection(describe(error.as_ref()))),
            Ok(Ok(whole)) => Ok(whole.to_bytes().into()),
        }
    }

    /// A watch that begins with the list itself, as new as the server's data.
    pub(super) async fn stream(&self, path: &str) -> Result<Lines, Fault> {
        let query = format!(
            "{path}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds={}",
            self.seconds()
        );
        match self.ask(&query).await {
            Ok(body) => Ok(Lines::new(body)),
            // An unknown or forbidden option; which of them an old server says depends on its age.
            Err(Fault::Refused { code, message }) if !is_of_rights(code) => Err(Fault::NoStream(message)),
            Err(fault) => Err(fault),
        }
    }

    /// A watch of what comes after a version.
    pub(super) async fn watch(&self, path: &str, version: &str) -> Result<Lines, Fault> {
        let version: String = escape(version).collect();
        let query = format!(
            "{path}?watch=1&resourceVersion={version}&allowWatchBookmarks=true&timeoutSeconds={}",
            self.seconds()
        );
        self.ask(&query).await.map(Lines::new)
    }

    fn seconds(&self) -> u64 {
        self.limits.watch.mul_f64(1.0 + fastrand::f64()).as_secs().max(1)
    }

    /// Asks, and gives the answer's body.
    async fn ask(&self, query: &str) -> Result<Body, Fault> {
        self.exchange(head(Method::GET, query), Body::empty()).await
    }

    /// Writes an object.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        form: &str,
        object: &Value,
    ) -> Result<(), Fault> {
        let request = head(method, path).header(header::CONTENT_TYPE, form);
        let body = self.exchange(request, Body::from(object.to_string().into_bytes())).await?;
        // A connection of which an answer is left unread cannot be used again.
        self.whole(body).await.map(drop)
    }

    async fn exchange(&self, request: Builder, body: Body) -> Result<Body, Fault> {
        let request = request.body(body).map_err(|error| Fault::Garbled(error.to_string()))?;
        let limit = self.limits.answer;
        let answer =
            timeout(limit, self.client.send(request)).await.map_err(|_elapsed| Fault::Silent(limit))?;
        let answer = answer.map_err(|error| Fault::Connection(describe(&error)))?;
        if answer.status().is_success() {
            return Ok(answer.into_body());
        }
        let (head, body) = answer.into_parts();
        let words = timeout(limit, Limited::new(body, REFUSAL_BYTES).collect()).await;
        let words = words.ok().and_then(Result::ok).map(|words| words.to_bytes()).unwrap_or_default();
        Err(refusal(head.status, &head.headers, &words))
    }
}

/// Whether a refusal is about who asks: a plain list would be told the same.
pub(super) fn is_of_rights(code: u16) -> bool {
    [401, 403].contains(&code)
}

fn head(method: Method, path: &str) -> Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, concat!("enforcer/", env!("CARGO_PKG_VERSION")))
}

/// What an answer without success means.
fn refusal(status: StatusCode, headers: &HeaderMap, words: &[u8]) -> Fault {
    let message = match serde_json::from_slice::<Status>(words) {
        Ok(status) => status.words(),
        Err(_not_json) => String::from_utf8_lossy(words.get(..200).unwrap_or(words)).trim().to_owned(),
    };
    let message = if message.is_empty() { status.to_string() } else { message };
    // The other form, a date, is none that the API server uses.
    let after = headers.get(header::RETRY_AFTER).and_then(|after| after.to_str().ok()?.trim().parse().ok());
    match (status, after) {
        (StatusCode::GONE, _) => Fault::Gone,
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, Some(seconds)) => {
            Fault::Throttled { after: Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER), message }
        }
        _ => Fault::Refused { code: status.as_u16(), message },
    }
}

/// An error with its causes: the outermost says only that something failed.
pub(super) fn describe(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn escape(text: &str) -> impl Iterator<Item = char> {
    text.bytes().flat_map(|byte| {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let text = if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") };
        text.chars().collect::<Vec<_>>()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn refused(code: u16, retry_after: Option<&'static str>, words: &str) -> Fault {
        let mut headers = HeaderMap::new();
        headers.extend(retry_after.map(|value| (header::RETRY_AFTER, value.parse().unwrap())));
        refusal(StatusCode::from_u16(code).unwrap(), &headers, words.as_bytes())
    }

    #[test]
    fn a_server_that_asks_for_patience_gets_it_within_reason() {
        let throttled =
            |seconds| Fault::Throttled { after: Duration::from_secs(seconds), message: "busy".to_owned() };
        assert_eq!(refused(429, Some("7"), "busy"), throttled(7));
        assert_eq!(refused(503, Some("1"), "busy"), throttled(1));
        assert_eq!(refused(429, Some("86400"), "busy"), throttled(300));
        // Neither a header, nor one that can be read.
        let plain = Fault::Refused { code: 429, message: "busy".to_owned() };
        assert_eq!(refused(429, None, "busy"), plain);
        assert_eq!(refused(429, Some("Wed, 21 Oct 2015 07:28:00 GMT"), "busy"), plain);
    }

    #[test]
    fn a_refusal_has_the_servers_words() {
        let status = r#"{"kind":"Status","message":"pods is forbidden","code":403}"#;
        assert_eq!(
            refused(403, None, status),
            Fault::Refused { code: 403, message: "pods is forbidden".to_owned() }
        );
        assert_eq!(
            refused(502, None, ""),
            Fault::Refused { code: 502, message: "502 Bad Gateway".to_owned() }
        );
        assert_eq!(refused(410, None, status), Fault::Gone);
    }

    #[test]
    fn tokens_are_escaped() {
        assert_eq!(escape("a-Z.9~_ +/=&\u{e9}").collect::<String>(), "a-Z.9~_%20%2B%2F%3D%26%C3%A9");
    }
}
