//! What the CNI plugin asks, and when it is answered.
//!
//! An ADD is answered once the programs and rules of the pod are in place. Before that the API server is asked for the
//! pod, its namespace and the policies there, for as long as [`BUDGET`]; without an answer what the watches have told
//! counts, and the plugin is told so. A pod that nobody knows, in a namespace that has policies, waits: they could be its. So
//! does a pod while the last change could not be written, or a policy of its namespace does not fit.

use std::{collections::BTreeMap, time::Duration};

use tokio::{
    sync::mpsc::Receiver,
    task::JoinSet,
    time::{Instant, timeout},
};

use super::State;
use crate::{
    agent::Withheld,
    cni::{
        protocol::{Attachment, AttachmentId, Call, HostSide, Knowledge},
        server::{Request, Responder, Server},
        spec::{CniError, code},
    },
    model::ObjectName,
    source::kube::Answer,
};

/// How long the API server may take. Pods start one after another in the worst case, so it is no more than what a start takes
/// anyway.
const BUDGET: Duration = Duration::from_millis(1000);

/// The plugin's side of an agent.
pub(super) struct Requests {
    /// Ends listening when dropped.
    _server: Server,
    receiver: Receiver<Request>,
    asked: JoinSet<Asked>,
    waiting: BTreeMap<AttachmentId, Waiting>,
}

/// What the API server said of a pod.
pub(super) struct Asked {
    id: AttachmentId,
    at: std::time::Instant,
    answer: Option<Answer>,
}

/// An ADD that is to be answered.
struct Waiting {
    attachment: Attachment,
    knowledge: Knowledge,
    responder: Responder,
}

/// What has come.
pub(super) enum Came {
    /// A question of the plugin's.
    Request(Request),
    /// The API server's answer.
    Asked(Asked),
}

impl Requests {
    pub(super) fn new(server: Server, receiver: Receiver<Request>) -> Self {
        Self { _server: server, receiver, asked: JoinSet::new(), waiting: BTreeMap::new() }
    }

    /// Waits for the next. Safe to cancel.
    pub(super) async fn next(requests: Option<&mut Self>) -> Came {
        let Some(Self { receiver, asked, .. }) = requests else { return std::future::pending().await };
        loop {
            tokio::select! {
                Some(request) = receiver.recv() => return Came::Request(request),
                Some(answer) = asked.join_next(), if !asked.is_empty() => {
                    // A task that crashed has its request answered by the deadline.
                    if let Ok(answer) = answer {
                        return Came::Asked(answer);
                    }
                }
                else => std::future::pending().await,
            }
        }
    }

    /// What else has come, without waiting.
    fn try_next(&mut self) -> Option<Came> {
        if let Ok(request) = self.receiver.try_recv() {
            return Some(Came::Request(request));
        }
        self.asked.try_join_next()?.ok().map(Came::Asked)
    }
}

impl State {
    /// Takes what has come and everything that waits behind it: pods start and end by the dozen.
    pub(super) fn serve(&mut self, first: Came) {
        let mut next = Some(first);
        let mut ready = Vec::new();
        let mut done = Vec::new();
        while let Some(came) = next {
            match came {
                Came::Asked(asked) => ready.extend(self.learn(asked)),
                Came::Request(request) => done.extend(self.begin(request)),
            }
            next = self.requests.as_mut().and_then(Requests::try_next);
        }
        if ready.is_empty() && done.is_empty() {
            return;
        }
        self.update_endpoints();
        let in_force = self.enforce();
        if !in_force {
            self.run.retry.schedule();
        }
        for Waiting { attachment, knowledge, responder } in ready {
            match self.refusal(&attachment) {
                Some(error) => {
                    tracing::warn!(pod = %name_of(&attachment), "a new pod waits: {error}");
                    responder.refuse(error);
                }
                None => responder.done(knowledge),
            }
        }
        for responder in done {
            responder.done(Knowledge::None);
        }
    }

    /// Begins with a question. Returns whom to tell that it is done after the next change, for what has nothing else to
    /// wait for.
    fn begin(&mut self, Request { call, deadline, responder }: Request) -> Option<Responder> {
        let local = self.local.as_mut()?;
        match call {
            Call::Add(attachment) => {
                self.add(attachment, deadline, responder);
                None
            }
            Call::Check(attachment) => {
                match self.missing(&attachment) {
                    Some(why) => {
                        responder.refuse(CniError::new(code::CHANGED, "the pod is not enforced", why))
                    }
                    None => responder.done(Knowledge::Cache),
                }
                None
            }
            Call::Del(id) => {
                self.forget(&[id]);
                Some(responder)
            }
            Call::Gc(valid) => {
                let is_left = |id: &AttachmentId| !valid.contains(id);
                let left: Vec<AttachmentId> =
                    local.told().map(|told| told.id.clone()).filter(is_left).collect();
                self.forget(&left);
                Some(responder)
            }
            // It listens only once it can.
            Call::Status => {
                responder.done(Knowledge::None);
                None
            }
        }
    }

    fn forget(&mut self, ids: &[AttachmentId]) {
        for id in ids {
            if let Some(local) = &mut self.local {
                local.remove(id);
            }
            if let Some(requests) = &mut self.requests {
                // Its ADD is over, whatever becomes of it.
                requests.waiting.remove(id);
            }
        }
    }

    fn add(&mut self, attachment: Attachment, deadline: Instant, responder: Responder) {
        let (Some(local), Some(requests)) = (&mut self.local, &mut self.requests) else { return };
        let id = attachment.id.clone();
        if let Err(error) = local.add(attachment.clone()) {
            let why = format!("what the plugin tells cannot be kept: {error}");
            responder.refuse(CniError::new(code::LATER, "the enforcer cannot take the pod", why));
            return;
        }
        match &attachment.host {
            // From here on any change attaches it.
            HostSide::Interface { index, .. } => self.run.agent.expect_newborn(*index),
            HostSide::None { cause } => {
                // To refuse it would keep every pod with such an interface from starting, policy or none.
                tracing::error!(pod = %name_of(&attachment), "no policy is enforced at its interface: {cause}");
                responder.done(Knowledge::None);
                return;
            }
        }
        let asker = self.source.asker();
        let budget = BUDGET.min(deadline.saturating_duration_since(Instant::now()) / 2);
        let pod = name_of(&attachment);
        let of = id.clone();
        requests.asked.spawn(async move {
            let answer = match timeout(budget, asker.ask(pod.clone())).await {
                Ok(Ok(answer)) => Some(answer),
                Ok(Err(error)) => {
                    tracing::warn!("{error}; what the watches have told counts");
                    None
                }
                Err(_elapsed) => {
                    tracing::warn!(%pod, ?budget, "the API server does not answer; what the watches have told counts");
                    None
                }
            };
            Asked { id: of, at: std::time::Instant::now(), answer }
        });
        requests.waiting.insert(id, Waiting { attachment, knowledge: Knowledge::Cache, responder });
    }

    /// Takes in what the API server said. Returns the ADD that waits for it.
    fn learn(&mut self, Asked { id, at, answer }: Asked) -> Option<Waiting> {
        let mut waiting = self.requests.as_mut()?.waiting.remove(&id)?;
        let answer = answer.and_then(|answer| self.source.fold_answer(answer, at, &mut self.run.cluster));
        if let Some(change) = answer {
            self.arrivals.extend(change.arrivals);
            waiting.knowledge = Knowledge::Api;
        }
        Some(waiting)
    }

    /// Why a pod must not start yet.
    fn refusal(&mut self, attachment: &Attachment) -> Option<CniError> {
        let later = |why| CniError::new(code::LATER, "the pod's network policies are not in place", why);
        let pod = name_of(attachment);
        // One of the same name from before has other labels.
        let identity = attachment.pod.identity();
        let is_known = self.run.cluster.pods.get(&pod).is_some_and(|pod| identity.is_of(pod));
        let mut policies = self.run.cluster.policies.keys();
        if !is_known && policies.any(|name| name.namespace == pod.namespace) {
            return Some(later(format!("the API server has not told of Pod {pod} yet")));
        }
        if self.run.is_refused {
            return Some(later(self.run.failures.join("; ")));
        }
        let concerns = |withheld: &&Withheld| match withheld {
            Withheld::Policy { name, .. } => name.namespace == pod.namespace,
            Withheld::Pod { name, .. } => *name == pod,
        };
        if let Some(withheld) = self.run.withheld.iter().find(concerns) {
            return Some(later(withheld.to_string()));
        }
        self.missing(attachment).map(later)
    }

    /// What is not in place of what ADD puts in place.
    fn missing(&mut self, attachment: &Attachment) -> Option<String> {
        let HostSide::Interface { index, name } = &attachment.host else { return None };
        let is_endpoint = self.run.endpoints.iter().any(|endpoint| endpoint.interface_index == *index);
        let is_known = self.run.agent.image().endpoints.contains_key(index);
        let is_attached = self.run.agent.dataplane().attached().any(|attached| attached == *index);
        let failures = self.run.failures.join("; ");
        let because = if failures.is_empty() { String::new() } else { format!(": {failures}") };
        if !is_endpoint {
            Some(format!("nothing was told of interface {name}"))
        } else if !is_known {
            Some(format!("interface {name} has no rules yet{because}"))
        } else if !is_attached {
            Some(format!("interface {name} carries no programs{because}"))
        } else {
            None
        }
    }
}

fn name_of(attachment: &Attachment) -> ObjectName {
    ObjectName::new(&attachment.pod.namespace, &attachment.pod.name)
}
