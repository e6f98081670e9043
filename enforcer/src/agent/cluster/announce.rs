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
    agent::health::{Asker, Findings, Question, Report, ask_loop},
    api::{EnforcerNodeStatus, NodeStatus, node_status_path},
    source::kube::{PostError, Poster},
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
/// Before an event is tried again that the server refuses: its namespace may be on its way out.
const REFUSED: Duration = Duration::from_secs(600);
/// Nodes that tell an event which every node has: more than one, since one may be away.
const TELLERS: usize = 3;
/// Events of one look: a thousand bad objects are told over some looks, not at once.
const EVENTS: usize = 20;

/// Tells the cluster.
pub(super) struct Announcer {
    node: String,
    poster: Poster,
    asker: Asker,
    /// What the server has, and since when.
    written: Option<(Instant, NodeStatus)>,
    /// When each event may be told again.
    events: BTreeMap<Event, Instant>,
    status_pause: Pause,
    event_pause: Pause,
}

/// When something that failed is tried again.
struct Pause {
    what: &'static str,
    next: Option<(Instant, Duration)>,
}

impl Pause {
    fn is_over(&self) -> bool {
        self.next.is_none_or(|(at, _)| Instant::now() >= at)
    }

    /// Notes what became of an attempt; says the first failure of many, and their end.
    fn note(&mut self, result: Result<(), PostError>) {
        let what = self.what;
        match (result, self.next.take()) {
            (Ok(()), None) => {}
            (Ok(()), Some(_)) => tracing::info!("the cluster is told again: {what}"),
            (Err(error), last) => {
                if last.is_none() {
                    tracing::warn!("the cluster is not told: {what}: {error}");
                }
                let wait = last.map_or(FIRST_PAUSE, |(_, wait)| (wait * 2).min(LONGEST_PAUSE));
                self.next = Some((Instant::now() + wait, wait));
            }
        }
    }
}

impl Announcer {
    pub(super) fn new(node: String, poster: Poster, asker: Asker) -> Self {
        Self {
            node,
            poster,
            asker,
            written: None,
            events: BTreeMap::new(),
            status_pause: Pause { what: "how this node is", next: None },
            event_pause: Pause { what: "what is wrong with objects", next: None },
        }
    }

    /// Tells until the loop has ended. A cluster without our kind still gets events, and the other way round.
    pub(super) async fn run(mut self) {
        loop {
            if self.status_pause.is_over() {
                let Some(report) = ask_loop(&self.asker, Question::Report).await else { return };
                let told = self.tell_status(&report).await;
                self.status_pause.note(told);
            }
            if self.event_pause.is_over() {
                let Some(findings) = ask_loop(&self.asker, Question::Findings).await else { return };
                let told = self.tell_events(&findings).await;
                self.event_pause.note(told);
            }
            sleep(LOOK).await;
        }
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
        // Asked each time: a node that was registered anew has another one, and what names the old one is collected.
        let node_uid = self.poster.uid(&format!("/api/v1/nodes/{}", self.node)).await?;
        let object = EnforcerNodeStatus { node: self.node.clone(), node_uid, status };
        self.poster.apply(&node_status_path(&self.node), &object.to_json()).await?;
        self.written = Some((Instant::now(), object.status));
        Ok(())
    }

    async fn tell_events(&mut self, findings: &Findings) -> Result<(), PostError> {
        let present: BTreeSet<Event> = findings.problems.iter().filter_map(Event::of).collect();
        // One that comes back is told again.
        let now = Instant::now();
        self.events.retain(|event, again| present.contains(event) && *again > now);
        let is_ours = |event: &Event| event.is_told_by(&self.node, &findings.nodes, TELLERS);
        let new: Vec<Event> = present
            .into_iter()
            .filter(|event| !self.events.contains_key(event) && is_ours(event))
            .take(EVENTS)
            .collect();
        for event in new {
            let told = self.poster.create(&event.path(), &event.to_json(&self.node, Timestamp::now())).await;
            let life = match told {
                Ok(()) => EVENT_LIFE,
                // Of this one only: a namespace that ends, a quota, an admission hook.
                Err(PostError::Unknown(_) | PostError::Refused(_)) => REFUSED,
                Err(error) => return Err(error),
            };
            self.events.insert(event, Instant::now() + life);
        }
        Ok(())
    }
}
