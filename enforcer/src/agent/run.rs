//! What is the same wherever the cluster's objects come from: this node's endpoints, what is in force, what is said.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use super::{
    Agent, Failure, Settings, Withheld,
    notices::{Look, Notice, Notices},
    retry::Retry,
};
use crate::{
    dataplane::{Dataplane, Found},
    flow::{Applied, Record, Writer},
    model::Endpoint,
    source::{Effect, Problem, endpoints::Endpoints},
    store::Cluster,
};

/// The state of a run.
pub(super) struct Run {
    pub(super) agent: Agent,
    pub(super) cluster: Cluster,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) writer: Writer,
    pub(super) retry: Retry,
    /// What is in force, once something is.
    pub(super) applied: Option<Applied>,
    /// What could not be done at the last attempt.
    pub(super) failures: Vec<String>,
    /// The last change as a whole is not in force.
    pub(super) is_refused: bool,
    /// Policies that are kept out of what is in force, and pods.
    pub(super) withheld: Vec<Withheld>,
    /// Counts the changes that had something to write.
    pub(super) generation: u64,
    finder: Option<Endpoints>,
    notices: Notices,
    /// The endpoints were read once. Before, nothing is enforced: of those that are not known nothing is known.
    is_found: bool,
    detach: bool,
}

impl Run {
    pub(super) fn new(
        settings: &Settings,
        dataplane: Dataplane,
        found: Option<Found>,
    ) -> std::io::Result<Self> {
        let (agent, endpoints) = match found {
            None => (Agent::new(dataplane), Vec::new()),
            Some(found) => Agent::adopt(dataplane, found)?,
        };
        Ok(Self {
            agent,
            cluster: Cluster { aliases: settings.aliases.clone(), ..Cluster::default() },
            endpoints,
            writer: Writer::start(settings.format)?,
            retry: Retry::default(),
            applied: None,
            failures: Vec::new(),
            is_refused: false,
            withheld: Vec::new(),
            generation: 0,
            finder: settings.endpoints.clone(),
            notices: Notices::default(),
            is_found: false,
            detach: settings.pinning.as_ref().is_none_or(|pinning| pinning.detach_on_exit),
        })
    }

    /// Looks for endpoints. Those that cannot be read keep what is known of them. Returns whether to look again soon.
    pub(super) fn find_endpoints(&mut self, look: &mut Look) -> bool {
        let Some(finder) = &self.finder else { return false };
        match finder.read() {
            Ok(reading) => {
                self.is_found = true;
                // An interface may be on its way.
                let again = !reading.problems.is_empty();
                self.endpoints =
                    if again { keep_known(&self.endpoints, reading.endpoints) } else { reading.endpoints };
                // Of a pod whose endpoint is known from before what was good stays.
                let mut problems = reading.problems;
                for problem in &mut problems {
                    let is_kept = |endpoint: &Endpoint| {
                        problem.object.as_deref() == Some(&format!("Pod {}", endpoint.pod))
                    };
                    if self.endpoints.iter().any(is_kept) {
                        problem.effect = Effect::LastGood;
                    }
                }
                look.problems.extend(problems);
                let file =
                    |endpoint: &Endpoint| Some((endpoint.interface_index, finder.namespace_of(endpoint)?));
                self.agent.set_namespaces(self.endpoints.iter().filter_map(file).collect());
                again
            }
            Err(error) => {
                look.unread.insert(error.path.clone());
                let effect = if self.endpoints.is_empty() { Effect::Nothing } else { Effect::LastGood };
                look.problems.push(error.into_problem(effect));
                true
            }
        }
    }

    /// Takes over endpoints that the caller has found, and the files of their network namespaces by their interfaces' indexes.
    pub(super) fn set_endpoints(&mut self, endpoints: Vec<Endpoint>, namespaces: BTreeMap<u32, PathBuf>) {
        self.is_found = true;
        self.endpoints = endpoints;
        self.agent.set_namespaces(namespaces);
    }

    /// Says what is new of what was found wrong.
    pub(super) fn say(&mut self, look: Look) {
        self.notices.take(look).iter().for_each(Notice::log);
    }

    /// What is wrong with the input now.
    pub(super) fn problems(&self) -> &[Problem] {
        self.notices.problems()
    }

    /// Brings the kernel to the state that is known. Returns whether all of it is in force.
    pub(super) fn enforce(&mut self) -> bool {
        if !self.is_found {
            return false;
        }
        let (applied, failed) = self.agent.reconcile(&self.cluster, &self.endpoints);
        let mut failures: Vec<String> = failed.iter().map(ToString::to_string).collect();
        self.is_refused = applied.is_err();
        let withheld = failed.iter().filter_map(|failure| match failure {
            Failure::Withheld(withheld) => Some(withheld.clone()),
            Failure::Dataplane(_) | Failure::Memory(_) => None,
        });
        self.withheld = withheld.collect();
        match applied {
            Ok(applied) => {
                let endpoints = self.applied.as_ref().map(|last| last.endpoints);
                self.generation += u64::from(applied.operations > 0);
                if applied.operations > 0 || Some(applied.endpoints) != endpoints {
                    self.writer.write(Record::Applied(applied.clone()));
                }
                self.applied = Some(applied);
            }
            Err(error) => failures.push(error.to_string()),
        }
        for failure in failures.iter().filter(|failure| !self.failures.contains(failure)) {
            tracing::error!("{failure}");
        }
        self.failures = failures;
        self.failures.is_empty()
    }

    /// Notes whether there is something to try again after an attempt at everything.
    pub(super) fn settle(&mut self, again: bool) {
        if again {
            self.retry.delay();
        } else {
            self.retry.clear();
        }
    }

    /// Ends the run, and enforcement where that is to end with it: first, since a reader of the output that stalls must
    /// not keep the programs in place.
    pub(super) fn end(self) {
        let Self { agent, mut writer, detach, .. } = self;
        if !detach {
            drop(agent);
            tracing::info!("what is in force stays in force");
        } else if let Err(error) = agent.remove() {
            tracing::error!("{error}");
        }
        writer.finish();
    }
}

/// Whether a watch goes on. One that broke leaves the regular look.
pub(super) fn still_watches(change: Option<()>, what: &str, period: Duration) -> bool {
    if change.is_none() {
        tracing::error!(what, ?period, "the watch broke; changes are found by looking again");
    }
    change.is_some()
}

/// A reading with problems does not say that an endpoint is gone: one that was known stays while its interface
/// is there and nothing new claims the interface or the pod.
pub(super) fn keep_known(known: &[Endpoint], mut read: Vec<Endpoint>) -> Vec<Endpoint> {
    for endpoint in known {
        // Another pod of the same name is none of its business.
        let is_same = |new: &Endpoint| new.pod == endpoint.pod && new.identity == endpoint.identity;
        let is_claimed =
            read.iter().any(|new| new.interface_index == endpoint.interface_index || is_same(new));
        let is_there = nix::net::if_::if_indextoname(endpoint.interface_index).is_ok();
        if !is_claimed && is_there {
            read.push(endpoint.clone());
        }
    }
    read
}
