//! The agent's side of the plugin, in the smallest form: a snapshot that a test gives, the real programs.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use anyhow::{Context, Result, anyhow};
use enforcer::{
    agent::Agent,
    cni::{
        protocol::{Answer, Attachment, Call, Knowledge},
        server::{Limits, Request, Server},
        spec::{CniError, code},
        state::State,
    },
    dataplane::{Dataplane, Options},
    model::Endpoint,
    store::Cluster,
};
use nix::sched::{CloneFlags, setns};
use tokio::sync::oneshot;

use crate::lab::Lab;

/// An agent in a lab's node, on a thread of its own. Dropping it detaches everything.
pub struct Enforcer {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<()>>>,
    seen: Arc<Mutex<Vec<Call>>>,
}

struct Loop {
    agent: Agent,
    cluster: Cluster,
    state: State,
    attached: Vec<Attachment>,
}

impl Enforcer {
    /// Starts it; when this returns it listens. What was told before is read from its state.
    pub fn start(lab: &Lab, mut cluster: Cluster, socket: &Path) -> Result<Self> {
        // As the runtime names them.
        for pod in cluster.pods.values_mut() {
            pod.uid = format!("uid-{}", pod.name.name);
        }
        let (stop, stopped) = oneshot::channel();
        let (started, is_started) = std::sync::mpsc::channel();
        let netns = lab.node().path();
        let (socket, folder): (PathBuf, PathBuf) = (socket.to_owned(), lab.folder().join("attachments"));
        let seen: Arc<Mutex<Vec<Call>>> = Arc::default();
        let log = Arc::clone(&seen);
        let run = move || -> Result<()> {
            setns(std::fs::File::open(netns)?, CloneFlags::CLONE_NEWNET)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async move {
                let state = State::open(&folder)?;
                let attached = state.read()?;
                let mut agent = Agent::new(Dataplane::load(Options::default())?);
                let endpoints: Vec<Endpoint> = attached.iter().filter_map(Attachment::endpoint).collect();
                let (applied, failed) = agent.reconcile(&cluster, &endpoints);
                applied?;
                if let Some(error) = failed.into_iter().next() {
                    return Err(error.into());
                }
                let (_server, mut requests) = Server::start(&socket, Limits::default())?;
                started.send(())?;
                let mut run = Loop { agent, cluster, state, attached };
                let serve = async {
                    while let Some(Request { call, responder, .. }) = requests.recv().await {
                        log.lock().unwrap_or_else(PoisonError::into_inner).push(call.clone());
                        match run.serve(call) {
                            Ok(Answer::Ok(knowledge)) => responder.done(knowledge),
                            Ok(Answer::Error(error)) => responder.refuse(error),
                            Err(error) => responder.refuse(CniError::new(code::LATER, "not done", error)),
                        }
                    }
                };
                tokio::select! {
                    () = serve => {}
                    _ = stopped => {}
                }
                Ok(())
            })
        };
        let thread = thread::Builder::new().name("enforcer".into()).spawn(run)?;
        if is_started.recv().is_err() {
            let ended = thread.join().map_err(|_| anyhow!("the enforcer's thread has crashed"))?;
            return Err(ended.err().context("the enforcer ended at once")?);
        }
        Ok(Self { stop: Some(stop), thread: Some(thread), seen })
    }

    /// What the plugin has asked so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Call> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Loop {
    fn serve(&mut self, call: Call) -> Result<Answer> {
        match call {
            Call::Add(attachment) => {
                self.state.keep(&attachment)?;
                self.attached.retain(|old| old.id != attachment.id);
                let is_unfit = attachment.endpoint().is_none();
                self.attached.push(attachment);
                if is_unfit {
                    return Ok(Answer::Error(CniError::new(code::CHANGED, "nothing can be enforced", "")));
                }
                self.reconcile()?;
                Ok(Answer::Ok(Knowledge::Cache))
            }
            Call::Check(attachment) => {
                let is_there = attachment.endpoint().is_some_and(|endpoint| {
                    self.agent.dataplane().attached().any(|index| index == endpoint.interface_index)
                });
                let missing = CniError::new(code::CHANGED, "its interface carries no programs", "");
                Ok(if is_there { Answer::Ok(Knowledge::Cache) } else { Answer::Error(missing) })
            }
            Call::Del(id) => self.retain(|attachment| attachment.id != id),
            Call::Gc(valid) => self.retain(|attachment| valid.contains(&attachment.id)),
            Call::Status => Ok(Answer::Ok(Knowledge::None)),
        }
    }

    fn retain(&mut self, keep: impl Fn(&Attachment) -> bool) -> Result<Answer> {
        for attachment in self.attached.iter().filter(|attachment| !keep(attachment)) {
            self.state.forget(&attachment.id)?;
        }
        self.attached.retain(keep);
        self.reconcile()?;
        Ok(Answer::Ok(Knowledge::None))
    }

    fn reconcile(&mut self) -> Result<()> {
        let endpoints: Vec<Endpoint> = self.attached.iter().filter_map(Attachment::endpoint).collect();
        let (applied, failed) = self.agent.reconcile(&self.cluster, &endpoints);
        applied?;
        failed.into_iter().next().map_or(Ok(()), |error| Err(error.into()))
    }
}

impl Drop for Enforcer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(Err(error)) = self.thread.take().and_then(|thread| thread.join().ok()) {
            eprintln!("the enforcer ended with: {error:#}");
        }
    }
}
