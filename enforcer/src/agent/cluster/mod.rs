//! Enforcement of a live cluster's policies on this node, fed by the API server.
//!
//! There is no fixed delay: the first event is applied at once, and what arrives meanwhile is the next batch.
//! `local` knows this node's endpoints, `requests` answers the CNI plugin, `report` everybody else;
//! `announce` tells the cluster.

mod announce;
mod local;
mod report;
mod requests;

use std::{collections::BTreeSet, io, net::SocketAddr, path::PathBuf, time::Instant};

use jiff::Timestamp;
use tokio::sync::mpsc::{Receiver, channel};

use self::{announce::Announcer, local::Local, requests::Requests};
use super::{
    RunError, Settings,
    health::{Metrics, Question, serve_http, serve_socket},
    notices::Look,
    rounds::{Rounds, Wake},
    run::Run,
};
use crate::{
    cni::{
        install::{InstallError, Installed, Places},
        keeper::Keeper,
        policed,
        server::{Limits as ServerLimits, Server},
        settings::Settings as PluginSettings,
    },
    source::{
        endpoints::discovery::Discovery,
        kube::{Access, AccessError, Limits, Settings as SourceSettings, Source},
    },
};

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
    /// The CNI plugin's side; without it `settings` lists the endpoints.
    pub cni: Option<Cni>,
    /// Where metrics and health are served; nowhere if `None`.
    pub metrics: Option<SocketAddr>,
    /// Where status is served.
    pub status_socket: PathBuf,
}

/// What does not work of the CNI plugin's side.
#[derive(Debug, Default)]
struct CniFailures {
    socket: Lasting,
    list: Lasting,
    installation: Lasting,
}

/// A failure that is said once, and its end.
#[derive(Debug, Default)]
struct Lasting(Option<String>);

impl Lasting {
    fn note(&mut self, failure: Option<String>) {
        match &failure {
            Some(text) if self.0.as_ref() != Some(text) => tracing::error!("the CNI plugin: {text}"),
            None if self.0.is_some() => {
                tracing::info!("the CNI plugin: no longer: {}", self.0.as_deref().unwrap_or_default())
            }
            Some(_) | None => {}
        }
        self.0 = failure;
    }
}

impl CniFailures {
    fn iter(&self) -> impl Iterator<Item = &String> {
        [&self.socket, &self.list, &self.installation].into_iter().filter_map(|failure| failure.0.as_ref())
    }
}

/// How pods' interfaces become known.
#[derive(Debug, Clone)]
pub struct Cni {
    /// What the plugin is told: where to ask, and what to do when nobody answers.
    pub plugin: PluginSettings,
    /// The folder in which what the plugin told is kept.
    pub attachments: PathBuf,
    /// Where pods are looked for that the plugin did not tell of.
    pub discovery: Discovery,
    /// Where the plugin is to be put, and its program; somebody else does it if `None`.
    pub install: Option<(Places, PathBuf)>,
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
    /// What the CNI plugin told cannot be kept.
    #[error("{}: {source}", path.display())]
    Attachments {
        /// The folder.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// An address or socket to be asked on.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The moving parts of an agent.
struct State {
    node: String,
    run: Run,
    source: Source,
    cni: Option<Cni>,
    /// Endpoints that no file lists.
    local: Option<Local>,
    /// What the CNI plugin asks, once it can be answered.
    requests: Option<Requests>,
    keeper: Option<Keeper>,
    /// The plugin was installed at the last look.
    is_installed: bool,
    /// Why the CNI plugin is not installed, its socket not there, or its list not written.
    cni_failures: CniFailures,
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
        tokio::spawn(Announcer::new(self.node.clone(), source.poster(), asker.clone()).run());
        serve_socket(&self.status_socket, asker)?;
        let start = |cni: &Cni| {
            Local::start(cni.discovery.clone(), &cni.attachments)
                .map_err(|source| ClusterError::Attachments { path: cni.attachments.clone(), source })
        };
        let mut state = State {
            node: self.node,
            run: Run::new(&self.settings, dataplane, found)?,
            source,
            local: self.cni.as_ref().map(start).transpose()?,
            cni: self.cni,
            requests: None,
            keeper: None,
            is_installed: false,
            cni_failures: CniFailures::default(),
            unfound: false,
            look: Look::default(),
            arrivals: Vec::new(),
            applied_at: None,
            metrics: Metrics::new(),
        };
        if state.local.is_some() {
            state.run.agent.keep_unseen();
        }
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
                came = Requests::next(self.requests.as_mut()) => self.serve(came),
                scan = seen(self.local.as_mut()) => {
                    if let Some(local) = &mut self.local {
                        local.take(scan);
                    }
                    self.found();
                }
                installed = kept(self.keeper.as_mut()) => self.note_installed(installed),
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
        let is_new = !change.arrivals.is_empty();
        self.arrivals.extend(change.arrivals);
        let is_listed_now = !was_listed && self.source.is_listed();
        if is_listed_now {
            // The look may have been faster.
            self.update_endpoints();
        }
        if is_new || is_listed_now {
            let in_force = self.enforce();
            if !in_force {
                self.run.retry.schedule();
            } else if !self.unfound {
                self.run.retry.clear();
            }
            let pods = self.source.local_pods(&self.run.cluster);
            if let Some(local) = self.local.as_mut()
                && local.is_missing(pods, &self.run.endpoints)
            {
                local.look();
            }
        }
        // After what is in force: nobody's packets wait for it.
        if change.problems {
            self.say();
        }
    }

    /// Looks for endpoints again, and enforces: an interface may have been replaced, or a program detached.
    fn look_for_endpoints(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            let installed = keeper.look();
            self.note_installed(installed);
        }
        match &mut self.local {
            Some(local) => local.look(),
            None => {
                self.look = Look::default();
                self.unfound = self.run.find_endpoints(&mut self.look);
                self.say();
                let in_force = self.enforce();
                self.run.settle(self.unfound || !in_force);
            }
        }
    }

    /// A look has ended.
    fn found(&mut self) {
        self.update_endpoints();
        self.say();
        let in_force = self.enforce();
        self.run.settle(self.unfound || !in_force);
    }

    /// Takes over what is known of endpoints.
    fn update_endpoints(&mut self) {
        let Some(local) = &mut self.local else { return };
        if self.source.is_listed() {
            local.assign(self.source.local_pods(&self.run.cluster));
        }
        if !local.is_found() {
            return;
        }
        self.run.set_endpoints(local.endpoints(&self.run.endpoints), local.namespaces());
        let here: BTreeSet<_> = self.run.endpoints.iter().map(|endpoint| endpoint.pod.clone()).collect();
        self.source.release(|pod| here.contains(pod), &mut self.run.cluster);
        self.look = Look::default();
        self.unfound = local.tell(&mut self.look, self.source.local_pods(&self.run.cluster));
    }

    fn say(&mut self) {
        let Look { problems, unread } = &self.look;
        let problems = self.source.problems().chain(problems).cloned().collect();
        self.run.say(Look { problems, unread: unread.clone() });
    }

    /// Enforces what is known. Returns whether all of it is in force, as far as it may be: nothing before every kind was
    /// listed and this node was looked at, since what is not there may only not have been told yet.
    fn enforce(&mut self) -> bool {
        if !self.source.is_listed() || self.local.as_ref().is_some_and(|local| !local.is_found()) {
            // Of those that wait the first is told.
            self.arrivals.truncate(1);
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
            self.note_policed();
            self.serve_plugin();
        }
        in_force
    }

    /// Lists the namespaces that have policies, for the plugin while no agent answers.
    fn note_policed(&mut self) {
        let Some(cni) = &self.cni else { return };
        let namespaces = self.run.cluster.policies.keys().map(|name| name.namespace.as_str());
        let written = policed::write(&cni.plugin.policed_namespaces, namespaces);
        let path = cni.plugin.policed_namespaces.display();
        self.cni_failures.list.note(written.map_err(|error| format!("{path}: {error}")).err());
    }

    /// Listens to the plugin, and installs it: not before this node is enforced. Until then the plugin finds nobody, and does
    /// what its settings say. What fails is tried again after the next change, every 15 seconds at least.
    fn serve_plugin(&mut self) {
        let Some(cni) = &self.cni else { return };
        if self.requests.is_none() {
            let socket = cni.plugin.socket.display();
            let failure = match Server::start(&cni.plugin.socket, ServerLimits::default()) {
                Ok((server, receiver)) => {
                    tracing::info!(%socket, "the CNI plugin is answered");
                    self.requests = Some(Requests::new(server, receiver));
                    None
                }
                Err(error) => Some(format!("{socket}: {error}")),
            };
            self.cni_failures.socket.note(failure);
        }
        if self.keeper.is_none() && self.requests.is_some() {
            self.keeper =
                cni.install.clone().map(|(places, program)| Keeper::new(places, program, cni.plugin.clone()));
        }
    }

    fn note_installed(&mut self, installed: Result<Installed, InstallError>) {
        self.is_installed = installed.is_ok();
        let failure = match installed {
            Ok(Installed { configuration, is_changed }) => {
                if is_changed {
                    tracing::info!(configuration = %configuration.display(), "the CNI plugin is installed");
                }
                None
            }
            Err(error) => Some(error.to_string()),
        };
        self.cni_failures.installation.note(failure);
    }
}

/// Waits for the end of a look; for ever where nothing is looked for.
async fn seen(local: Option<&mut Local>) -> io::Result<crate::source::endpoints::discovery::Scan> {
    match local {
        Some(local) => local.seen().await,
        None => std::future::pending().await,
    }
}

/// Waits until the plugin's installation was looked at; for ever where it is not ours to keep.
async fn kept(keeper: Option<&mut Keeper>) -> Result<Installed, InstallError> {
    match keeper {
        Some(keeper) => keeper.next().await,
        None => std::future::pending().await,
    }
}
