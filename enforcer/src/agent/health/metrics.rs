//! The metrics, named as Prometheus' conventions have it. docs/agent.md lists them.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

use super::Report;
use crate::{
    dataplane::{Counters, Expiry},
    plan::Fill,
};

/// Seconds: from half a millisecond to a minute.
const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Dropped {
    direction: &'static str,
    reason: &'static str,
}

/// One label, called as the field is.
macro_rules! label {
    ($name:ident, $field:ident, $type:ty) => {
        #[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
        struct $name {
            $field: $type,
        }
    };
}
label!(Direction, direction, &'static str);
label!(Map, map, &'static str);
label!(State, state, &'static str);
label!(Kind, kind, String);

/// All metrics of the agent.
pub(in crate::agent) struct Metrics {
    registry: Registry,
    latency: Histogram,
    passed: Family<Direction, Counter>,
    dropped: Family<Dropped, Counter>,
    events_lost: Counter,
    unconfirmed: Counter,
    entries: Family<Map, Gauge>,
    capacity: Family<Map, Gauge>,
    flows: Family<State, Gauge>,
    endpoints: Family<State, Gauge>,
    policies: Gauge,
    pods: Gauge,
    rule_sets: Gauge,
    rules: Gauge,
    revision: Gauge,
    problems: Gauge,
    ready: Gauge,
    synced: Family<Kind, Gauge>,
    heard: Family<Kind, Gauge<f64, AtomicU64>>,
}

/// What metrics tell besides a [`Report`].
pub(in crate::agent) struct Figures {
    /// The kernel's counters, if they could be read.
    pub(in crate::agent) counters: Option<Counters>,
    /// How full the tables are.
    pub(in crate::agent) fill: Vec<Fill>,
    /// Flows at the last collection.
    pub(in crate::agent) flows: Option<Expiry>,
    /// Rules that have an id.
    pub(in crate::agent) rules: usize,
}

impl Metrics {
    /// All of them, at 0.
    pub(in crate::agent) fn new() -> Self {
        let mut registry = Registry::with_prefix("enforcer");
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The agent's build", build);
        let latency = Histogram::new(BUCKETS);
        registry.register_with_unit(
            "policy_programming_duration",
            "From the arrival of an event of the API server to the last map write that it caused",
            Unit::Seconds,
            latency.clone(),
        );
        macro_rules! register {
            ($name:literal, $help:literal) => {{
                let metric = Default::default();
                registry.register($name, $help, Clone::clone(&metric));
                metric
            }};
        }
        Self {
            latency,
            passed: register!("passed_packets", "Packets that passed at pods' interfaces"),
            dropped: register!("dropped_packets", "Packets that were dropped at pods' interfaces"),
            events_lost: register!("drop_events_lost", "Drop events that found no room in the ring"),
            unconfirmed: register!(
                "unconfirmed_packets",
                "Packets whose flow found no room among the confirmed ones"
            ),
            entries: register!("map_entries", "Entries of an eBPF map"),
            capacity: register!("map_capacity_entries", "Entries that an eBPF map has room for"),
            flows: register!("flows", "Flows at the last collection"),
            endpoints: register!("endpoints", "Local pods, by whether the programs are attached"),
            policies: register!("policies", "Policies in force"),
            pods: register!("pods", "Pods known, of all nodes"),
            rule_sets: register!("rule_sets", "Distinct rule sets in force"),
            rules: register!("rules", "Distinct rules in force"),
            revision: register!(
                "revision",
                "How often all that is known was brought into the kernel, since the start"
            ),
            problems: register!("problems", "Objects and endpoints with something wrong"),
            ready: register!("ready", "1 when every kind was listed and every local pod is enforced"),
            synced: register!("api_synced", "1 when a kind was listed and is heard of"),
            heard: register!("api_last_heard_timestamp_seconds", "When the API server last told of a kind"),
            registry,
        }
    }

    /// Counts an event that is in force.
    pub(in crate::agent) fn observe(&self, latency: Duration) {
        self.latency.observe(latency.as_secs_f64());
    }

    /// All metrics as text, as of now.
    pub(in crate::agent) fn text(&self, report: &Report, figures: &Figures) -> String {
        self.set_report(report);
        self.set_figures(figures);
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            // Formatting into a string fails only where a metric's own form does.
            let _written = writeln!(text, "# a metric could not be written");
        }
        text
    }

    fn set_report(&self, report: &Report) {
        let count =
            |enforced| report.endpoints.iter().filter(|endpoint| endpoint.enforced == enforced).count();
        for (state, enforced) in [("enforced", true), ("unenforced", false)] {
            set(&self.endpoints.get_or_create(&State { state }), count(enforced));
        }
        if let Some(applied) = &report.applied {
            set(&self.policies, applied.policies);
            set(&self.pods, applied.pods);
            set(&self.rule_sets, applied.rule_sets);
            set(&self.revision, usize::try_from(applied.revision).unwrap_or(usize::MAX));
        }
        set(&self.problems, report.problems.len());
        set(&self.ready, usize::from(report.ready));
        for (kind, sync) in &report.kinds {
            let label = Kind { kind: kind.clone() };
            set(&self.synced.get_or_create(&label), usize::from(sync.listed && sync.outage.is_none()));
            if let Some(heard) = sync.heard {
                self.heard.get_or_create(&label).set(heard.as_duration().as_secs_f64());
            }
        }
    }

    fn set_figures(&self, figures: &Figures) {
        let ways = ["ingress", "egress"];
        if let Some(counters) = &figures.counters {
            for (direction, count) in ways.into_iter().zip(counters.passed) {
                store(&self.passed.get_or_create(&Direction { direction }), count);
            }
            for (reason, counts) in &counters.dropped {
                for (direction, count) in ways.into_iter().zip(*counts) {
                    store(&self.dropped.get_or_create(&Dropped { direction, reason: reason.name() }), count);
                }
            }
            store(&self.events_lost, counters.events_lost);
            store(&self.unconfirmed, counters.unconfirmed);
        }
        for Fill { table: map, used, room } in &figures.fill {
            set(&self.entries.get_or_create(&Map { map }), *used);
            set(&self.capacity.get_or_create(&Map { map }), *room);
        }
        if let Some(flows) = figures.flows {
            for (state, count) in [("confirmed", flows.confirmed), ("opening", flows.opening)] {
                self.flows.get_or_create(&State { state }).set(count.into());
            }
        }
        set(&self.rules, figures.rules);
    }
}

fn set(gauge: &Gauge, value: usize) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}

/// The kernel counts; we tell.
fn store(counter: &Counter, value: u64) {
    counter.inner().store(value, Ordering::Relaxed);
}

#[cfg(test)]
mod tests;
