//! The real source, following an [`ApiServer`] in the thread of a test.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use enforcer::{
    model::ObjectName,
    source::kube::{Access, Limits, Settings, Source},
    store::Cluster,
};
use tokio::{runtime::Runtime, time::timeout_at};

use super::ApiServer;

/// How long anything may take.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The node whose pods are local.
pub const NODE: &str = "node-1";

/// Limits at which a test need not wait long.
#[must_use]
pub fn short_limits() -> Limits {
    Limits {
        answer: Duration::from_secs(2),
        shortest_pause: Duration::from_millis(50),
        longest_pause: Duration::from_millis(400),
        ..Limits::default()
    }
}

/// A source and what it has told.
pub struct Follower {
    runtime: Runtime,
    /// The source.
    pub source: Source,
    /// What it has told so far.
    pub cluster: Cluster,
    /// Events so far that changed it; a list is one.
    pub changes: usize,
}

impl Follower {
    /// Follows with [`short_limits`].
    pub fn new(server: &ApiServer) -> Result<Self> {
        Self::with(server, short_limits())
    }

    /// Follows with these limits.
    pub fn with(server: &ApiServer, limits: Limits) -> Result<Self> {
        Self::at(server.url(), limits)
    }

    /// Follows the server with this URL.
    pub fn at(url: String, limits: Limits) -> Result<Self> {
        Self::by(&Access { kubeconfig: None, server: Some(url) }, limits)
    }

    /// Follows the server that is reached so.
    pub fn by(access: &Access, limits: Limits) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let source = runtime.block_on(Source::start(access, Settings { node: NODE.to_owned(), limits }))?;
        Ok(Self { runtime, source, cluster: Cluster::default(), changes: 0 })
    }

    /// Follows until something holds.
    pub fn until(&mut self, what: &str, holds: impl Fn(&Source, &Cluster) -> bool) -> Result<()> {
        let Self { runtime, source, cluster, changes } = self;
        let deadline = Instant::now() + DEADLINE;
        runtime.block_on(async {
            while !holds(source, cluster) {
                if timeout_at(deadline.into(), source.wait()).await.is_err() {
                    bail!("{what}: not within {DEADLINE:?}; {:?}; {cluster:?}", source.kinds());
                }
                *changes += source.fold(cluster).arrivals.len();
            }
            Ok(())
        })
    }

    /// Follows until all kinds were listed and nothing is missing.
    pub fn until_current(&mut self) -> Result<()> {
        self.until("all kinds are current", |source, _| source.kinds().values().all(|sync| sync.is_current()))
    }

    /// Follows until the policies are these.
    pub fn until_policies(&mut self, names: &[&str]) -> Result<()> {
        let what = format!("the policies are {names:?}");
        self.until(&what, |_, cluster| {
            cluster.policies.keys().map(|name| name.name.as_str()).eq(names.iter().copied())
        })
    }

    /// The messages about all that is wrong now.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        self.source.problems().map(ToString::to_string).collect()
    }

    /// The names of all pods.
    #[must_use]
    pub fn pods(&self) -> Vec<&ObjectName> {
        self.cluster.pods.keys().collect()
    }
}
