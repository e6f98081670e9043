//! Folds what all watches tell into one snapshot.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use jiff::Timestamp;
use tokio::{
    sync::mpsc::{Receiver, channel},
    task::JoinSet,
};

use super::{
    access::{Access, AccessError},
    direct::{Answer, Asker},
    local::Local,
    post::Poster,
    reading::{Content, Found, Listed, Reading, Scope},
    request::{Limits, Server},
    resource::RESOURCES,
    sync::KindSync,
    versions::{Area, Versions, parse},
    watch::{Message, News, Watch},
};
use crate::{
    model::{ClusterEvent, Kind, ObjectKey, ObjectName, Pod},
    source::{
        Effect, Problem,
        convert::{Field, Findings},
    },
    store::Cluster,
};

/// Messages that may wait; a watch that has more waits itself, and so its server does.
const QUEUE: usize = 1024;

/// What a source is started with.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `metadata.name` of the node whose pods are local.
    pub node: String,
    /// How long things may take.
    pub limits: Limits,
}

/// The API server's view of the cluster, as it comes.
pub struct Source {
    messages: Receiver<Message>,
    /// Received and not folded yet.
    waiting: Vec<Message>,
    kinds: BTreeMap<Kind, KindSync>,
    problems: BTreeMap<ObjectKey, Vec<Problem>>,
    /// Problems came or went since the last fold.
    is_problem_new: bool,
    versions: Versions,
    local: Local,
    asker: Asker,
    _watches: JoinSet<()>,
}

/// What a fold did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// When each event arrived that changed the snapshot; a list counts as one.
    pub arrivals: Vec<Instant>,
    /// [`Source::problems`] may be others now.
    pub problems: bool,
}

impl Source {
    /// Begins to watch. Returns at once, whether the server answers or not. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the configuration does not say how to reach a server.
    pub async fn start(access: &Access, settings: Settings) -> Result<Self, AccessError> {
        let server = Arc::new(Server::new(access.client().await?, settings.limits));
        let scope = Arc::new(Scope { node: settings.node });
        let (sender, messages) = channel(QUEUE);
        let mut watches = JoinSet::new();
        for resource in &RESOURCES {
            let watch = Watch {
                resource,
                server: Arc::clone(&server),
                scope: Arc::clone(&scope),
                messages: sender.clone(),
                version: None,
            };
            watches.spawn(watch.run());
        }
        let kinds = RESOURCES.iter().map(|resource| (resource.kind, KindSync::default())).collect();
        Ok(Self {
            messages,
            waiting: Vec::new(),
            kinds,
            problems: BTreeMap::new(),
            is_problem_new: false,
            versions: Versions::default(),
            local: Local::default(),
            asker: Asker { server, scope },
            _watches: watches,
        })
    }

    /// Waits for something to [`fold`](Self::fold). Safe to cancel.
    pub async fn wait(&mut self) {
        if self.waiting.is_empty() {
            match self.messages.recv().await {
                Some(message) => self.waiting.push(message),
                // The watches end with this value, never before it.
                None => std::future::pending().await,
            }
        }
    }

    /// Folds everything that has come. Objects that are refused stay as they were, and become
    /// [`problems`](Self::problems).
    pub fn fold(&mut self, cluster: &mut Cluster) -> Change {
        let mut change = Change::default();
        for message in std::mem::take(&mut self.waiting) {
            self.fold_one(message, cluster, &mut change);
        }
        // Not more than waited: who writes faster than we fold must not keep us from enforcing.
        for _ in 0..self.messages.len() {
            let Ok(message) = self.messages.try_recv() else { break };
            self.fold_one(message, cluster, &mut change);
        }
        change.problems = std::mem::take(&mut self.is_problem_new);
        change
    }

    /// Asks for single objects beside the watches.
    #[must_use]
    pub fn asker(&self) -> Asker {
        self.asker.clone()
    }

    /// Writes to the server.
    #[must_use]
    pub fn poster(&self) -> Poster {
        Poster { server: Arc::clone(&self.asker.server) }
    }

    /// Folds what the server said when it was asked directly, as far as that is newer than what its watches have told.
    /// `None` when that cannot be told: nothing was folded.
    pub fn fold_answer(&mut self, answer: Answer, at: Instant, cluster: &mut Cluster) -> Option<Change> {
        let Answer { objects, namespace, policies, version } = answer;
        let is_comparable = self.versions.is_known(Kind::NetworkPolicy)
            && objects
                .iter()
                .all(|(kind, object)| parse(&object.version).is_some() && self.versions.is_known(*kind));
        if !is_comparable {
            return None;
        }
        let mut changed = false;
        for (kind, reading) in objects {
            let area = Area::Object(reading.name.clone());
            if parse(&reading.version).is_some_and(|version| self.versions.read(kind, area, version)) {
                changed |= self.put(kind, reading, cluster);
            }
        }
        let kind = Kind::NetworkPolicy;
        if self.versions.read(kind, Area::Namespace(namespace.clone()), version) {
            let found: BTreeSet<ObjectName> = policies.iter().map(|reading| reading.name.clone()).collect();
            let is_gone = |name: &&ObjectName| name.namespace == namespace && !found.contains(*name);
            let gone: Vec<ObjectName> = cluster.policies.keys().filter(is_gone).cloned().collect();
            for name in gone {
                changed |= self.delete(ObjectKey { kind, name }, cluster);
            }
            for reading in policies {
                changed |= self.put(kind, reading, cluster);
            }
        }
        let arrivals = if changed { vec![at] } else { Vec::new() };
        Some(Change { arrivals, problems: std::mem::take(&mut self.is_problem_new) })
    }

    /// This node's pods, with those that the server has deleted and that are still here.
    pub fn local_pods<'a>(&'a self, cluster: &'a Cluster) -> impl Iterator<Item = &'a Pod> {
        self.local.names().filter_map(|name| cluster.pods.get(name))
    }

    /// Forgets local pods that the server has deleted and that are not here any more.
    pub fn release(&mut self, is_here: impl Fn(&ObjectName) -> bool, cluster: &mut Cluster) {
        for name in self.local.release(is_here) {
            cluster.apply(ClusterEvent::Delete(ObjectKey { kind: Kind::Pod, name }));
        }
    }

    /// Whether all kinds were listed: before that, what is not there may only not have been told yet.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.kinds.values().all(|sync| sync.listed)
    }

    /// How far each kind is.
    #[must_use]
    pub fn kinds(&self) -> &BTreeMap<Kind, KindSync> {
        &self.kinds
    }

    /// All that is wrong with objects now.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.problems.values().flatten()
    }

    fn fold_one(&mut self, message: Message, cluster: &mut Cluster, change: &mut Change) {
        let Message { kind, at, news } = message;
        self.note(kind, &news);
        let changed = match news {
            News::Failed(_) => false,
            News::Alive(version) => {
                self.versions.tell(kind, &version);
                false
            }
            News::Gone { name, version } => {
                let is_news = self.versions.is_news(kind, &name, &version);
                self.versions.tell(kind, &version);
                is_news && self.delete(ObjectKey { kind, name }, cluster)
            }
            News::Put(reading) => {
                let is_news = self.versions.is_news(kind, &reading.name, &reading.version);
                self.versions.tell(kind, &reading.version);
                is_news && self.put(kind, *reading, cluster)
            }
            News::Listed { listed, version } => {
                self.versions.list(kind, &version);
                self.reset(kind, listed, cluster)
            }
        };
        if changed {
            change.arrivals.push(at);
        }
    }

    fn note(&mut self, kind: Kind, news: &News) {
        let sync = self.kinds.entry(kind).or_default();
        let now = Timestamp::now();
        if let News::Failed(reason) = news {
            if sync.fail(now, reason.clone()) {
                tracing::warn!(%kind, reason, "nothing is heard of it; the last state stays in force");
            }
            return;
        }
        sync.listed |= matches!(news, News::Listed { .. });
        if let Some(outage) = sync.hear(now) {
            tracing::info!(%kind, since = %outage.since, attempts = outage.attempts, "is heard of again");
        }
    }

    fn put(&mut self, kind: Kind, reading: Reading, cluster: &mut Cluster) -> bool {
        let key = ObjectKey { kind, name: reading.name };
        self.forget_problems(&key);
        let is_bad = matches!(reading.content, Content::Bad);
        let effect = effect_of(is_bad, cluster.contains(&key));
        self.note_problems(&key, &reading.findings, &effect);
        match reading.content {
            Content::Good(object) => {
                self.local.put(&object);
                cluster.apply(ClusterEvent::Apply(object))
            }
            Content::Idle => self.delete(key, cluster),
            Content::Bad => false,
        }
    }

    fn delete(&mut self, key: ObjectKey, cluster: &mut Cluster) -> bool {
        self.forget_problems(&key);
        let is_kept = key.kind == Kind::Pod && self.local.depart(&key.name);
        !is_kept && cluster.apply(ClusterEvent::Delete(key))
    }

    fn reset(&mut self, kind: Kind, mut listed: Listed, cluster: &mut Cluster) -> bool {
        let before = self.problems.len();
        self.problems.retain(|key, _| key.kind != kind);
        self.is_problem_new |= self.problems.len() != before;
        let mut kept = BTreeSet::new();
        for Found { name, is_bad, findings } in listed.found {
            let key = ObjectKey { kind, name };
            self.note_problems(&key, &findings, &effect_of(is_bad, cluster.contains(&key)));
            if is_bad {
                kept.insert(key.name);
            }
        }
        // What was read directly after the list was made is newer.
        let is_newer = |name: &ObjectName| self.versions.ahead(kind, name).is_some();
        if self.versions.is_any_ahead(kind) {
            listed.objects.retain(|object| !is_newer(&object.key().name));
            kept.extend(cluster.names(kind).into_iter().filter(is_newer));
        }
        if kind == Kind::Pod {
            let departed = self.local.reset(listed.objects.iter(), |name| kept.contains(name));
            kept.extend(departed);
        }
        cluster.apply(ClusterEvent::ResetKind { kind, objects: listed.objects, kept })
    }

    fn forget_problems(&mut self, key: &ObjectKey) {
        self.is_problem_new |= self.problems.remove(key).is_some();
    }

    fn note_problems(&mut self, key: &ObjectKey, findings: &Findings, effect: &Effect) {
        let problems: Vec<Problem> = findings
            .iter()
            .map(|finding| Problem {
                file: PathBuf::new(),
                line: None,
                object: Some(key.to_string()),
                field: (finding.field != Field::default()).then(|| finding.field.to_string()),
                message: finding.fault.to_string(),
                severity: finding.fault.severity(),
                effect: effect.clone(),
            })
            .collect();
        if !problems.is_empty() {
            self.is_problem_new = true;
            self.problems.insert(key.clone(), problems);
        }
    }
}

fn effect_of(is_bad: bool, is_known: bool) -> Effect {
    match (is_bad, is_known) {
        (false, _) => Effect::Enforced,
        (true, true) => Effect::LastGood,
        (true, false) => Effect::Nothing,
    }
}
