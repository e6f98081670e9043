//! An API server in this process, on loopback: lists, watches and streaming lists as the real one answers them, and
//! everything that a real one does on a bad day, when a test says so.
//!
//! It checks what a client may ask (a streaming list needs its `resourceVersionMatch`), and keeps a record of all
//! requests, so that a test can tell a client that asks in a circle.

mod answer;
mod behaviour;
mod collection;
mod follower;
mod objects;
mod serve;
mod state;
mod tls;
mod watch;

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Instant,
};

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::sync::{oneshot, watch as signal};
use tokio_rustls::TlsAcceptor;

pub use behaviour::{Behaviour, Gone, Streams};
pub use collection::Collection;
pub use follower::{DEADLINE, Follower, NODE, short_limits};
pub use objects::{pod, pod_on, policy};
pub use tls::Credentials;

use state::State;

/// A running server; it ends with this value.
pub struct ApiServer {
    scheme: &'static str,
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// When it came.
    pub at: Instant,
    /// GET, POST or PATCH.
    pub method: String,
    /// Its path.
    pub path: String,
    /// What follows `?`.
    pub query: String,
    /// The media type of what it brings.
    pub form: String,
    /// What it brings, where that is JSON.
    pub body: Option<Value>,
}

impl Request {
    /// Whether it is one for a watch, a streaming list included.
    #[must_use]
    pub fn is_watch(&self) -> bool {
        self.query.contains("watch=1")
    }

    /// Whether it is one for a streaming list.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.query.contains("sendInitialEvents=true")
    }
}

/// What the handle and the server's thread share.
struct Shared {
    state: Mutex<State>,
    /// Moves on with every change of the state.
    changed: signal::Sender<u64>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let value = change(&mut self.state());
        self.changed.send_modify(|count| *count += 1);
        value
    }
}

impl ApiServer {
    /// Starts on a free port of 127.0.0.1.
    pub fn start() -> Result<Self> {
        Self::start_on(TcpListener::bind(("127.0.0.1", 0)).context("cannot listen on 127.0.0.1")?)
    }

    /// The same with TLS, for who has the token only.
    pub fn start_with_tls() -> Result<(Self, Credentials)> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen on 127.0.0.1")?;
        let (credentials, acceptor) = tls::make(listener.local_addr()?)?;
        let server = Self::serve_on(listener, Some((acceptor, credentials.token.clone())))?;
        Ok((server, credentials))
    }

    /// Starts on a socket, which may be one of another network namespace.
    pub fn start_on(listener: TcpListener) -> Result<Self> {
        Self::serve_on(listener, None)
    }

    fn serve_on(listener: TcpListener, guard: Option<(TlsAcceptor, String)>) -> Result<Self> {
        let address = listener.local_addr()?;
        let scheme = if guard.is_some() { "https" } else { "http" };
        listener.set_nonblocking(true)?;
        let shared =
            Arc::new(Shared { state: Mutex::new(State::default()), changed: signal::Sender::new(0) });
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&shared);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("API server".into()).spawn(move || {
            if let Err(error) = runtime.block_on(serve::serve(listener, guard, served, stopped)) {
                eprintln!("the API server ended: {error:#}");
            }
        })?;
        Ok(Self { scheme, address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Creates or replaces an object, and tells all watches.
    pub fn put(&self, object: Value) -> Result<()> {
        self.shared.change(|state| state.put(object))
    }

    /// The same for all documents of a YAML text.
    pub fn put_yaml(&self, text: &str) -> Result<()> {
        serde_saphyr::from_multiple::<Value>(text)?.into_iter().try_for_each(|object| self.put(object))
    }

    /// Deletes an object, and tells all watches. A cluster-wide object has an empty namespace.
    pub fn delete(&self, kind: &str, namespace: &str, name: &str) -> Result<()> {
        self.shared.change(|state| state.delete(kind, namespace, name))
    }

    /// Deletes an object so that no watch will ever tell: only a new list can show it.
    pub fn lose(&self, kind: &str, namespace: &str, name: &str) -> Result<()> {
        self.shared.change(|state| state.lose(kind, namespace, name))
    }

    /// Forgets all of the past: who watches from an earlier version gets 410.
    pub fn expire(&self) {
        self.shared.change(State::expire);
    }

    /// Sends a bookmark on all watches.
    pub fn bookmark(&self) {
        self.shared.change(State::bookmark);
    }

    /// What clients have written, by path.
    #[must_use]
    pub fn written(&self) -> BTreeMap<String, Value> {
        self.shared.state().written.clone()
    }

    /// Changes how it behaves from now on.
    pub fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        self.shared.change(|state| change(&mut state.behaviour));
    }

    /// Breaks all connections.
    pub fn cut(&self) {
        self.shared.change(|state| state.cuts += 1);
    }

    /// Breaks all connections and takes no new ones, until [`up`](Self::up).
    pub fn down(&self) {
        self.behave(|behaviour| behaviour.down = true);
        self.cut();
    }

    /// Takes connections again.
    pub fn up(&self) {
        self.behave(|behaviour| behaviour.down = false);
    }

    /// All requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.state().requests.clone()
    }

    /// Watches that are open now, of any kind.
    #[must_use]
    pub fn watches(&self) -> usize {
        self.shared.state().watches
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
