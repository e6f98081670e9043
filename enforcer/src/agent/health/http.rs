//! `/metrics`, `/healthz` and `/readyz` over HTTP/1.1.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};

use super::{Asker, Question, ask_loop};

/// Connections at a time.
const CONNECTIONS: usize = 64;
/// The same from this node, whose kubelet must not wait for anybody else: else who can reach the address could have the
/// agent ended.
const OWN_CONNECTIONS: usize = 16;
/// How long a client may take for its one question and its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The content type of Prometheus' text format that `prometheus-client` writes.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Answer = Response<Full<Bytes>>;

/// Answers until the loop ends. Returns the address, whose port may have been left open (0).
///
/// # Errors
/// When the address cannot be listened on.
pub(in crate::agent) async fn serve(address: SocketAddr, asker: Asker) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("metrics address {address}: {error}")))?;
    let address = listener.local_addr()?;
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let own_room = Arc::new(Semaphore::new(OWN_CONNECTIONS));
    tokio::spawn(async move {
        loop {
            let Ok((stream, peer)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let is_own =
                peer.ip().is_loopback() || stream.local_addr().is_ok_and(|own| own.ip() == peer.ip());
            let room = if is_own { &own_room } else { &room };
            // Who finds no place is turned away at once: to wait for one would keep everybody behind it waiting.
            let Ok(place) = Arc::clone(room).try_acquire_owned() else { continue };
            let asker = asker.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| respond(request, asker.clone()));
                let mut server = http1::Builder::new();
                server.timer(TokioTimer::new()).header_read_timeout(PATIENCE).keep_alive(false);
                // A client that breaks off is none of our concern.
                drop(timeout(PATIENCE, server.serve_connection(TokioIo::new(stream), service)).await);
                drop(place);
            });
        }
    });
    Ok(address)
}

async fn respond(request: Request<Incoming>, asker: Asker) -> Result<Answer, Infallible> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return Ok(text(StatusCode::METHOD_NOT_ALLOWED, "GET only\n"));
    }
    let answer = match request.uri().path() {
        "/metrics" => ask_loop(&asker, Question::Metrics).await.map(|metrics| {
            let mut answer = text(StatusCode::OK, metrics);
            answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(OPEN_METRICS));
            answer
        }),
        // That the loop answers at all is what is asked.
        "/healthz" => ask_loop(&asker, Question::Report).await.map(|_| text(StatusCode::OK, "ok\n")),
        "/readyz" => ask_loop(&asker, Question::Report).await.map(|report| {
            if report.ready {
                text(StatusCode::OK, "ok\n")
            } else {
                text(StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", report.degraded.join("\n")))
            }
        }),
        _ => Some(text(StatusCode::NOT_FOUND, "/metrics, /healthz, /readyz\n")),
    };
    Ok(answer.unwrap_or_else(|| text(StatusCode::SERVICE_UNAVAILABLE, "the agent has ended\n")))
}

fn text(code: StatusCode, words: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(words.into()));
    *answer.status_mut() = code;
    let plain = header::HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, plain);
    answer
}
