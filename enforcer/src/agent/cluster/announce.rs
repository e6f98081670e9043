//! What the agent tells the cluster: its node's `EnforcerNodeStatus`, and events on objects with something wrong.
//!
//! A task of its own asks the loop for a report now and then, as anybody else does, and writes what differs from what it
//! wrote last: a server that is slow or away holds up nothing, and thousands of nodes do not write at every change.

mod event;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use self::event::Event;
use crate::{
    agent::health::{Asker, Question, Report, ask_loop},
    api::{EnforcerNodeStatus, NodeStatus, node_status_path},
    source::{
        Problem,
        kube::{PostError, Poster},
    },
};

/// How often the agent is asked how it is. The first time is at once.
const LOOK: Duration = Duration::from_secs(5);
/// How old what the server has may become while there is nothing new but progress.
const PROGRESS: Duration = Duration::from_secs(60);
/// And while there is nothing new at all: who reads it can tell an agent that is gone.
const HEARTBEAT: Duration = Duration::from_secs(300);
/// After a failure, doubled with each one in a row.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// The API server forgets events after an hour, unless it is set otherwise: what lasts is told again.
const EVENT_LIFE: Duration = Duration::from_secs(3600);
/// Events of one look: a thousand bad objects are told over some looks, not at once.
const EVENTS: usize = 20;

/// Tells the cluster.
pub(super) struct Announcer {
    pub(super) node: String,
    pub(super) poster: Poster,
    pub(super) asker: Asker,
    written: Option<(Instant, NodeStatus)>,
    node_uid: Option<String>,
    events: BTreeMap<Event, Instant>,
    /// What failed last, so that it is said once.
    failure: Option<String>,
}

impl Announcer {
    pub(super) fn new(node: String, poster: Poster, asker: Asker) -> Self {
        Self { node, poster, asker, written: None, node_uid: None, events: BTreeMap::new(), failure: None }
    }

    /// Tells until the loop has ended.
    pub(super) async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let Some(report) = ask_loop(&self.asker, Question::Report).await else { return };
            let Some(problems) = ask_loop(&self.asker, Question::Problems).await else { return };
            let told = self.tell(&report, &problems).await;
            let wait = match &told {
                Ok(()) => LOOK,
                Err(_) => pause,
            };
            pause = if told.is_ok() { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
            self.note(told.err());
            sleep(wait).await;
        }
    }

    fn note(&mut self, error: Option<PostError>) {
        let failure = error.map(|error| error.to_string());
        match &failure {
            Some(failure) if self.failure.is_none() => {
                tracing::warn!("the cluster is not told how this node is: {failure}");
            }
            None if self.failure.is_some() => tracing::info!("the cluster is told again how this node is"),
            Some(_) | None => {}
        }
        self.failure = failure;
    }

    /// Both are tried: a cluster without our kind still gets events.
    async fn tell(&mut self, report: &Report, problems: &[Problem]) -> Result<(), PostError> {
        let status = self.tell_status(report).await;
        let events = self.tell_events(problems).await;
        status.and(events)
    }

    async fn tell_status(&mut self, report: &Report) -> Result<(), PostError> {
        let status = NodeStatus::new(report, Timestamp::now());
        let is_due = self.written.as_ref().is_none_or(|(at, written)| {
            let most = if !written.is_alike(&status) {
                Duration::ZERO
            } else if written.generation != status.generation {
                PROGRESS
            } else {
                HEARTBEAT
            };
            at.elapsed() >= most
        });
        if !is_due {
            return Ok(());
        }
        let uid = match &self.node_uid {
            Some(uid) => uid.clone(),
            None => self.poster.uid(&format!("/api/v1/nodes/{}", self.node)).await?,
        };
        self.node_uid = Some(uid.clone());
        let object = EnforcerNodeStatus { node: self.node.clone(), node_uid: uid, status };
        self.poster.apply(&node_status_path(&self.node), &object.to_json()).await?;
        self.written = Some((Instant::now(), object.status));
        Ok(())
    }

    async fn tell_events(&mut self, problems: &[Problem]) -> Result<(), PostError> {
        let present: BTreeSet<Event> = problems.iter().filter_map(Event::of).collect();
        // One that comes back is told again.
        self.events.retain(|event, told| present.contains(event) && told.elapsed() < EVENT_LIFE);
        let new: Vec<Event> =
            present.into_iter().filter(|event| !self.events.contains_key(event)).take(EVENTS).collect();
        for event in new {
            match self.poster.create(&event.path(), &event.to_json(&self.node, Timestamp::now())).await {
                // An object's namespace is on its way out, and so is the object.
                Ok(()) | Err(PostError::Unknown(_)) => {}
                Err(error) => return Err(error),
            }
            self.events.insert(event, Instant::now());
        }
        Ok(())
    }
}
