//! This node's endpoints on a live cluster: those that the CNI plugin told of, and those that are found by looking.
//!
//! A look visits every network namespace of the node, which takes long beside a change of the rules: it runs on a thread
//! of its own, and what the plugin tells meanwhile counts more than what the look has seen. What a look does not see any
//! more stays while its interface is there and nobody else's: a pod is never opened because something could not be read.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::Instant,
};

use crate::{
    agent::rounds::{TICK, changed},
    agent::{
        notices::Look,
        run::{keep_known, still_watches},
    },
    cni::{
        protocol::{Attachment, AttachmentId, HostSide},
        state::State,
    },
    model::{Endpoint, ObjectName, Pod, PodState},
    source::{
        Effect, Problem, Severity,
        endpoints::discovery::{Cause, Discovery, EndpointProblem, Found, Scan},
        manifest::Watch,
    },
};

/// A pod that begins or ends has no network namespace for a moment: nobody is told of it before this.
const MISSING: Duration = Duration::from_secs(30);

/// Counts what the plugin tells, so that it can be compared with when a look began.
type Moment = u64;

/// The endpoints, as they are known now.
pub(super) struct Local {
    discovery: Discovery,
    state: State,
    /// What the plugin told, oldest first.
    told: Vec<(Moment, Attachment)>,
    /// Interfaces that it said are gone.
    gone: BTreeMap<u32, Moment>,
    now: Moment,
    /// The last look, once there was one, and when it began.
    found: Option<(Moment, Found)>,
    /// A look that nothing was made of yet, and when it began.
    early: Option<(Moment, Scan)>,
    looking: Option<(Moment, JoinHandle<io::Result<Scan>>)>,
    /// Something changed after the look began: look again.
    is_stale: bool,
    /// Why nothing could be seen at the last look.
    blind: Option<String>,
    watch: Option<Watch>,
    /// Living pods that no look has found, and since when.
    missing: BTreeMap<ObjectName, Instant>,
}

impl Local {
    /// With what the plugin told an earlier agent. Looks for the first time.
    ///
    /// # Errors
    /// When the folder of what was told cannot be made or read. To be called inside a tokio runtime.
    pub(super) fn start(discovery: Discovery, folder: &Path) -> io::Result<Self> {
        let state = State::open(folder)?;
        let told = state.read()?.into_iter().map(|attachment| (0, attachment)).collect();
        // Each look is told by the regular round too: without a watch, pods that no plugin tells of are found later.
        let watches: Vec<Result<Watch, _>> =
            discovery.folders.iter().map(|folder| Watch::new(folder)).collect();
        if let (true, Some(Err(error))) = (watches.iter().all(Result::is_err), watches.first()) {
            tracing::warn!(
                "{error}; pods that the CNI plugin does not tell of are found by looking every {TICK:?}"
            );
        }
        let watch = watches.into_iter().find_map(Result::ok);
        let mut local = Self {
            discovery,
            state,
            told,
            gone: BTreeMap::new(),
            now: 0,
            found: None,
            early: None,
            looking: None,
            is_stale: false,
            blind: None,
            watch,
            missing: BTreeMap::new(),
        };
        local.look();
        Ok(local)
    }

    /// Begins a look, or another one after that which is going on.
    pub(super) fn look(&mut self) {
        if self.looking.is_some() {
            self.is_stale = true;
        } else {
            let discovery = self.discovery.clone();
            self.looking = Some((self.now, spawn_blocking(move || discovery.scan())));
        }
    }

    /// Whether a look has ended, so that what is not known is not there.
    pub(super) fn is_found(&self) -> bool {
        self.found.is_some()
    }

    /// Waits for the end of a look. Safe to cancel.
    pub(super) async fn seen(&mut self) -> io::Result<Scan> {
        loop {
            let ended = async {
                match &mut self.looking {
                    Some((_, look)) => look.await.map_err(io::Error::other).flatten(),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                scan = ended => return scan,
                change = changed(self.watch.as_mut()) => {
                    if !still_watches(change, "network namespaces", TICK) {
                        self.watch = None;
                    }
                    self.look();
                }
            }
        }
    }

    /// Takes the end of a look in; [`assign`](Self::assign) makes something of it.
    pub(super) fn take(&mut self, scan: io::Result<Scan>) {
        let Some((began, _)) = self.looking.take() else { return };
        match scan {
            Ok(scan) => {
                self.early = Some((began, scan));
                self.blind = None;
            }
            Err(error) => self.blind = Some(error.to_string()),
        }
        if std::mem::take(&mut self.is_stale) {
            self.look();
        }
    }

    /// Gives what the last look has seen to pods: those of this node, once all are known. Before that an interface would be
    /// nobody's whose pod has only not been told of yet.
    pub(super) fn assign<'a>(&mut self, pods: impl Iterator<Item = &'a Pod>) {
        let Some((began, scan)) = self.early.take() else { return };
        let before = self.told.iter().filter(|(at, _)| *at <= began);
        let told: Vec<Attachment> = before.map(|(_, attachment)| attachment.clone()).collect();
        let found = scan.assign(pods, &told);
        for id in &found.stale {
            self.forget(id);
        }
        self.gone.retain(|_, at| *at > began);
        self.found = Some((began, found));
    }

    /// The plugin tells of a pod's interface.
    ///
    /// # Errors
    /// When that cannot be kept for the next agent; nothing has changed then.
    pub(super) fn add(&mut self, attachment: Attachment) -> io::Result<()> {
        self.state.keep(&attachment)?;
        self.told.retain(|(_, told)| told.id != attachment.id);
        if let HostSide::Interface { index, .. } = &attachment.host {
            self.gone.remove(index);
        }
        self.now += 1;
        self.told.push((self.now, attachment));
        Ok(())
    }

    /// The plugin tells that an interface goes.
    pub(super) fn remove(&mut self, id: &AttachmentId) {
        let Some(told) = self.told.iter().find(|(_, told)| told.id == *id) else { return };
        let index = told.1.endpoint().map(|endpoint| endpoint.interface_index);
        self.now += 1;
        self.gone.extend(index.map(|index| (index, self.now)));
        self.forget(id);
    }

    fn forget(&mut self, id: &AttachmentId) {
        self.told.retain(|(_, told)| told.id != *id);
        // What stays there is known to be stale by the next agent's first look.
        if let Err(error) = self.state.forget(id) {
            tracing::warn!("what the CNI plugin told of container {}: {error}", id.container);
        }
    }

    /// What the plugin told.
    pub(super) fn told(&self) -> impl Iterator<Item = &Attachment> {
        self.told.iter().map(|(_, attachment)| attachment)
    }

    /// The endpoints now; `known` are those before.
    pub(super) fn endpoints(&self, known: &[Endpoint]) -> Vec<Endpoint> {
        let (began, seen) = match &self.found {
            Some((began, found)) => (*began, found.endpoints.as_slice()),
            None => (0, [].as_slice()),
        };
        let newer = self.told.iter().filter(|(at, _)| self.found.is_none() || *at > began);
        let mut endpoints: Vec<Endpoint> = newer.filter_map(|(_, told)| told.endpoint()).collect();
        let is_new = |endpoint: &&Endpoint| {
            let index = &endpoint.interface_index;
            !self.gone.contains_key(index) && !endpoints.iter().any(|told| told.interface_index == *index)
        };
        let seen: Vec<Endpoint> = seen.iter().filter(is_new).cloned().collect();
        endpoints.extend(seen);
        let known: Vec<Endpoint> = known
            .iter()
            .filter(|endpoint| !self.gone.contains_key(&endpoint.interface_index))
            .cloned()
            .collect();
        let mut endpoints = keep_known(&known, endpoints);
        endpoints.sort();
        endpoints
    }

    /// Files of network namespaces, by the index of the interface.
    pub(super) fn namespaces(&self) -> BTreeMap<u32, PathBuf> {
        self.found.as_ref().map(|(_, found)| found.namespaces.clone()).unwrap_or_default()
    }

    /// Whether a pod has addresses that no endpoint of it has, and the last look does not say why: it may have come without the
    /// plugin's word.
    pub(super) fn is_missing<'a>(&self, mut pods: impl Iterator<Item = &'a Pod>, known: &[Endpoint]) -> bool {
        let explained: BTreeSet<&ObjectName> =
            self.found.iter().flat_map(|(_, found)| &found.problems).map(|problem| &problem.pod).collect();
        pods.any(|pod| {
            let is_own = |endpoint: &&Endpoint| endpoint.pod == pod.name;
            let has =
                |address| known.iter().filter(is_own).any(|endpoint| endpoint.addresses.contains(address));
            pod.is_on_pod_network() && !explained.contains(&pod.name) && !pod.addresses.iter().all(has)
        })
    }

    /// What is wrong. Returns whether a look may find more soon.
    pub(super) fn tell<'a>(&mut self, look: &mut Look, pods: impl Iterator<Item = &'a Pod>) -> bool {
        let mut again = self.blind.is_some();
        if let Some(blind) = &self.blind {
            let message = format!("pods' interfaces cannot be looked for: {blind}");
            look.problems.push(problem(None, message, Severity::Error, Effect::LastGood));
        }
        let Some((_, found)) = &self.found else { return true };
        let live: BTreeSet<&ObjectName> =
            pods.filter(|pod| pod.state == PodState::Live).map(|pod| &pod.name).collect();
        let passing = found.problems.iter().filter(|problem| problem.cause == Cause::NotFound);
        let missing: BTreeSet<&ObjectName> =
            passing.map(|problem| &problem.pod).filter(|pod| live.contains(pod)).collect();
        self.missing.retain(|pod, _| missing.contains(pod));
        for pod in missing {
            // It begins or ends.
            again = true;
            self.missing.entry(pod.clone()).or_insert_with(Instant::now);
        }
        for EndpointProblem { pod, cause } in &found.problems {
            if *cause == Cause::HostNetwork {
                continue;
            }
            if *cause == Cause::NotFound
                && self.missing.get(pod).is_none_or(|since| since.elapsed() < MISSING)
            {
                continue;
            }
            look.problems.push(problem(Some(pod), cause.to_string(), Severity::Error, Effect::Nothing));
        }
        for unseen in &found.unseen {
            again = true;
            let message = format!("{unseen}; pods in it may be missing");
            look.problems.push(problem(None, message, Severity::Warning, Effect::LastGood));
        }
        again
    }

    /// Pods on whose packets nothing can be enforced, and why.
    pub(super) fn outside(&self) -> Vec<String> {
        let found = self.found.iter().flat_map(|(_, found)| &found.problems);
        let is_outside = |problem: &&EndpointProblem| {
            matches!(problem.cause, Cause::HostNetwork | Cause::Interface(_) | Cause::Told(_))
        };
        found.filter(is_outside).map(ToString::to_string).collect()
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if let Some((_, look)) = &self.looking {
            look.abort();
        }
    }
}

fn problem(pod: Option<&ObjectName>, message: String, severity: Severity, effect: Effect) -> Problem {
    let object = pod.map(|pod| format!("Pod {pod}"));
    Problem { file: PathBuf::new(), line: None, object, field: None, message, severity, effect }
}
