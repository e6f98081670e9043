//! What the agent says of itself when it is asked.

use std::collections::BTreeSet;

use super::{State, local::Local};
use crate::{
    agent::{
        health::{EndpointReport, Figures, Findings, KindReport, OutageReport, Question, Report},
        rounds::Rounds,
    },
    source::kube::{KindSync, Outage},
};

impl State {
    /// Answers, unless who asked has gone.
    pub(super) fn answer(&mut self, question: Question, rounds: &Rounds) {
        match question {
            Question::Findings(sender) => {
                let problems = self.run.problems().to_vec();
                let is_needed = !problems.is_empty();
                let nodes = self.run.cluster.nodes.keys().filter(|_| is_needed).cloned().collect();
                drop(sender.send(Findings { problems, nodes }));
            }
            Question::Report(sender) => drop(sender.send(Box::new(self.report()))),
            Question::Metrics(sender) => {
                let report = self.report();
                let image = self.run.agent.image();
                let (fill, rules) = (image.tables.fill(), image.names.rule_names().len());
                let counters = self.run.agent.dataplane().counters();
                let counters = counters.inspect_err(|error| tracing::error!("{error}")).ok();
                let figures = Figures { counters, fill, flows: rounds.flows, rules };
                drop(sender.send(self.metrics.text(&report, &figures)));
            }
        }
    }

    fn report(&mut self) -> Report {
        let attached: BTreeSet<u32> = self.run.agent.dataplane().attached().collect();
        let endpoints: Vec<EndpointReport> = self
            .run
            .endpoints
            .iter()
            .map(|endpoint| EndpointReport {
                namespace: endpoint.pod.namespace.clone(),
                pod: endpoint.pod.name.clone(),
                interface: endpoint.interface.clone(),
                addresses: endpoint.addresses.clone(),
                enforced: attached.contains(&endpoint.interface_index),
            })
            .collect();
        let kinds = self.source.kinds();
        let mut degraded: Vec<String> = Vec::new();
        for (kind, KindSync { listed, outage, .. }) in kinds {
            if !listed {
                degraded.push(format!("{kind}: not listed yet"));
            }
            if let Some(Outage { since, reason, .. }) = outage {
                degraded.push(format!("{kind}: nothing is heard since {since}: {reason}"));
            }
        }
        degraded.extend(self.run.failures.iter().cloned());
        let unenforced = endpoints.iter().filter(|endpoint| !endpoint.enforced);
        degraded.extend(unenforced.map(|endpoint| {
            let EndpointReport { namespace, pod, interface, .. } = endpoint;
            format!("Pod {namespace}/{pod}: {interface} is not enforced")
        }));
        degraded.extend(self.cni_failures.iter().map(|failure| format!("the CNI plugin: {failure}")));
        let is_chained = self.cni_failures.iter().next().is_none()
            && (self.cni.is_none() || self.requests.is_some())
            && (self.keeper.is_none() || self.is_installed);
        if self.local.as_ref().is_some_and(|local| !local.is_found()) {
            degraded.push("this node's pods: not looked for yet".to_owned());
        }
        let is_enforced = endpoints.iter().all(|endpoint| endpoint.enforced) && self.run.failures.is_empty();
        Report {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            node: self.node.clone(),
            ready: self.source.is_listed()
                && self.run.applied.is_some()
                && is_enforced
                && is_chained
                && !self.unfound,
            degraded,
            api_away_since: kinds
                .values()
                .filter_map(|sync| sync.outage.as_ref())
                .map(|outage| outage.since)
                .min(),
            kinds: kinds.iter().map(|(kind, sync)| (kind.to_string(), report_kind(sync))).collect(),
            applied: self.run.applied.clone(),
            generation: self.run.generation,
            applied_at: self.applied_at,
            outside: self.local.as_ref().map(Local::outside).unwrap_or_default(),
            endpoints,
            problems: self.run.problems().iter().map(ToString::to_string).collect(),
            diagnostics: self.run.agent.diagnostics().iter().map(ToString::to_string).collect(),
        }
    }
}

fn report_kind(sync: &KindSync) -> KindReport {
    let outage = sync.outage.as_ref().map(|Outage { since, attempts, reason }| OutageReport {
        since: *since,
        attempts: *attempts,
        reason: reason.clone(),
    });
    KindReport { listed: sync.listed, heard: sync.heard, outage }
}
