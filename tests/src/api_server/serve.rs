//! Connections and requests.

use std::{convert::Infallible, net::TcpListener, sync::Arc, time::Instant};

use anyhow::Result;
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::oneshot,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use super::{
    Request, Shared,
    answer::{Answer, answer, refuse},
};

/// Serves until the handle goes.
pub(super) async fn serve(
    listener: TcpListener,
    guard: Option<(TlsAcceptor, String)>,
    shared: Arc<Shared>,
    mut stopped: oneshot::Receiver<()>,
) -> Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut changed = shared.changed.subscribe();
    let mut connections = JoinSet::new();
    let mut cuts = 0;
    loop {
        tokio::select! {
            _ = &mut stopped => return Ok(()),
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                if shared.state().behaviour.down {
                    continue;
                }
                let shared = Arc::clone(&shared);
                let guard = guard.clone();
                // A client that breaks off is none of our concern.
                connections.spawn(async move {
                    match guard {
                        None => talk(stream, None, shared).await,
                        Some((acceptor, token)) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                talk(stream, Some(token), shared).await;
                            }
                        }
                    }
                });
            }
            _ = changed.changed() => {
                let now = shared.state().cuts;
                if now != cuts {
                    cuts = now;
                    connections.shutdown().await;
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin, token: Option<String>, shared: Arc<Shared>) {
    let wanted = token.map(|token| format!("Bearer {token}"));
    let service = service_fn(|request| respond(request, wanted.as_deref(), Arc::clone(&shared)));
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

async fn respond(
    request: hyper::Request<Incoming>,
    wanted: Option<&str>,
    shared: Arc<Shared>,
) -> Result<Answer, Infallible> {
    let said = request.headers().get(header::AUTHORIZATION).and_then(|said| said.to_str().ok());
    if wanted.is_some() && said != wanted {
        return Ok(refuse(401, "Unauthorized"));
    }
    let (head, body) = request.into_parts();
    let form = head.headers.get(header::CONTENT_TYPE).and_then(|form| form.to_str().ok());
    let request = Request {
        at: Instant::now(),
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        form: form.unwrap_or_default().to_owned(),
        body: body.collect().await.ok().and_then(|body| serde_json::from_slice(&body.to_bytes()).ok()),
    };
    let behaviour = shared.change(|state| {
        state.requests.push(request.clone());
        state.behaviour.clone()
    });
    let silence = std::future::pending::<()>();
    if behaviour.silent {
        silence.await;
    } else {
        // A slow answer: for so long it is silent.
        let _elapsed = tokio::time::timeout(behaviour.delay, silence).await;
    }
    Ok(answer(&request, &shared))
}
