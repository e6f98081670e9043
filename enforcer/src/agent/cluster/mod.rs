//! Enforcement of a live cluster's policies on this node, fed by the API server.
//!
//! There is no fixed delay: the first event is applied at once, and what arrives meanwhile is the next batch.

mod report;

use std::{io, net::SocketAddr, path::PathBuf, time::Instant};

use jiff::Timestamp;
use tokio::sync::mpsc::{Receiver, channel};

use super::{
    RunError, Settings,
    health::{Metrics, Question, serve_http, serve_socket},
    notices::Look,
    rounds::{Rounds, Wake},
    run::Run,
};
use crate::source::kube::{Access, AccessError, Limits, Settings as SourceSettings, Source};

/// Questions that may wait for the loop.
const QUESTIONS: usize = 16;

/// The settings of an agent.
#[derive(Debug, Clone)]
pub struct ClusterAgent {
    /// How the API server is reached.
    pub access: Access,
    /// This node's name.
    pub node: String,
    /// The node's side.
    pub settings: Settings,
    /// Where metrics and health are served; nowhere if `None`.
    pub metrics: Option<SocketAddr>,
    /// Where status is served.
    pub status_socket: PathBuf,
}

/// Why an agent cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The node's side.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The API server's.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// An address or socket to be asked on.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The moving parts of an agent.
struct State {
    node: String,
    run: Run,
    source: Source,
    /// Endpoints could not all be read, and are to be looked at again.
    unfound: bool,
    /// The problems of endpoints at the last look.
    look: Look,
    /// When the events came that are not in force yet.
    arrivals: Vec<Instant>,
    applied_at: Option<Timestamp>,
    metrics: Metrics,
}

impl ClusterAgent {
    /// Enforces until SIGINT or SIGTERM.
    ///
    /// # Errors
    /// When it cannot start, another enforcer runs here, or the event ring breaks. A server that does not answer is
    /// no error: it is asked again.
    pub async fn run(self) -> Result<(), ClusterError> {
        // First: it costs nothing if the rest fails, and the lists come while the programs are being loaded.
        let settings = SourceSettings { node: self.node.clone(), limits: Limits::default() };
        let source = Source::start(&self.access, settings).await?;
        let (mut rounds, dataplane, found) = Rounds::start(&self.settings)?;
        let (asker, mut questions) = channel(QUESTIONS);
        if let Some(address) = self.metrics {
            let address = serve_http(address, asker.clone()).await?;
            tracing::info!(%address, "metrics and health");
        }
        serve_socket(&self.status_socket, asker)?;
        let mut state = State {
            node: self.node,
            run: Run::new(&self.settings, dataplane, found)?,
            source,
            unfound: false,
            look: Look::default(),
            arrivals: Vec::new(),
            applied_at: None,
            metrics: Metrics::new(),
        };
        state.look_for_endpoints();
        let ended = state.turns(&mut rounds, &mut questions).await;
        state.run.end();
        // Only now: whoever starts the next agent may ask it there.
        drop(std::fs::remove_file(&self.status_socket));
        ended.map_err(ClusterError::from)
    }
}

impl State {
    async fn turns(
        &mut self,
        rounds: &mut Rounds,
        questions: &mut Receiver<Question>,
    ) -> Result<(), RunError> {
        loop {
            tokio::select! {
                () = self.source.wait() => self.fold(),
                Some(question) = questions.recv() => self.answer(question, rounds),
                wake = rounds.next(&mut self.run) => match wake? {
                    Wake::Look => self.look_for_endpoints(),
                    Wake::Stop => return Ok(()),
                },
            }
        }
    }

    /// Takes in what the API server has told, and enforces what differs.
    fn fold(&mut self) {
        let was_listed = self.source.is_listed();
        let change = self.source.fold(&mut self.run.cluster);
        if change.problems {
            self.say();
        }
        let is_new = !change.arrivals.is_empty();
        self.arrivals.extend(change.arrivals);
        if is_new || !was_listed && self.source.is_listed() {
            let in_force = self.enforce();
            if !in_force {
                self.run.retry.schedule();
            } else if !self.unfound {
                self.run.retry.clear();
            }
        }
    }

    /// Looks for endpoints again, and enforces: an interface may have been replaced, or a program detached.
    fn look_for_endpoints(&mut self) {
        let mut look = Look::default();
        self.unfound = self.run.find_endpoints(&mut look);
        self.look = look;
        self.say();
        let in_force = self.enforce();
        self.run.settle(self.unfound || !in_force);
    }

    fn say(&mut self) {
        let Look { problems, unread } = &self.look;
        let problems = self.source.problems().chain(problems).cloned().collect();
        self.run.say(Look { problems, unread: unread.clone() });
    }

    /// Enforces what is known. Returns whether all of it is in force, as far as it may be: nothing before every kind was
    /// listed, since what is not there may only not have been told yet.
    fn enforce(&mut self) -> bool {
        if !self.source.is_listed() {
            return true;
        }
        let revision = self.run.applied.as_ref().map(|applied| applied.revision);
        let in_force = self.run.enforce();
        if self.run.applied.as_ref().map(|applied| applied.revision) == revision {
            // Of those that wait for another attempt the first is told.
            self.arrivals.truncate(1);
        } else {
            self.applied_at = Some(Timestamp::now());
            for arrival in self.arrivals.drain(..) {
                self.metrics.observe(arrival.elapsed());
            }
        }
        in_force
    }
}
