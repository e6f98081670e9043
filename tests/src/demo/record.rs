//! The JSON lines of `enforcer run --log-format json`, as far as the demo reads them.

use std::fmt;

use serde::Deserialize;

use super::grid::Trial;
use crate::{lab::Source, oracle::Family};

/// A line.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(super) enum Record {
    /// A change is in force.
    Applied(Applied),
    /// The kernel dropped a packet.
    Drop(Box<Dropped>),
    /// Anything that the demo does not need.
    #[serde(other)]
    Other,
}

/// A change that is in force.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Applied {
    /// Counts the changes from 1.
    pub(super) revision: u64,
    /// Policies enforced.
    pub(super) policies: u64,
    /// Local pods.
    pub(super) endpoints: u64,
    /// Writes to the kernel's maps that it took.
    pub(super) operations: u64,
}

/// A packet that was dropped.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Dropped {
    /// When, RFC 3339.
    pub(super) time: String,
    reason: String,
    direction: String,
    protocol: String,
    source: Side,
    destination: Side,
    endpoint: Side,
    rule: Rule,
}

/// An end of a packet's way, or the interface that it crossed.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default)]
struct Side {
    address: Option<String>,
    port: Option<u16>,
    namespace: Option<String>,
    pod: Option<String>,
}

/// What decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default)]
struct Rule {
    kind: String,
    policies: Vec<String>,
}

impl Dropped {
    /// Whether it is a packet of this connection, by the names that the enforcer gave.
    pub(super) fn names(&self, trial: &Trial) -> bool {
        let Source::Pod(from) = &trial.from else { return false };
        let address = self.destination.address.as_deref().unwrap_or_default();
        self.source.pod_name() == Some(from.to_string())
            && self.destination.pod_name() == Some(trial.to.to_string())
            && self.destination.port == Some(trial.port)
            && self.protocol.eq_ignore_ascii_case(&trial.protocol.to_string())
            && address.contains(':') == (trial.family == Family::V6)
    }

    /// Equal for drops that look the same but for time, source port and address family.
    pub(super) fn likeness(&self) -> impl Ord + use<> {
        let who = |side: &Side| side.pod_name().or_else(|| side.address.clone());
        (
            who(&self.source),
            who(&self.destination),
            self.destination.port,
            self.protocol.clone(),
            self.direction.clone(),
            self.reason.clone(),
            self.rule.clone(),
        )
    }

    fn because(&self) -> String {
        let policies = self.rule.policies.join(", ");
        match self.rule.kind.as_str() {
            "implicit-deny" => format!("no rule allows it, isolated by {policies}"),
            "" => self.reason.clone(),
            kind if policies.is_empty() => format!("{}, {kind}", self.reason),
            kind => format!("{}, {kind} of {policies}", self.reason),
        }
    }
}

impl Side {
    fn pod_name(&self) -> Option<String> {
        Some(format!("{}/{}", self.namespace.as_ref()?, self.pod.as_ref()?))
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.pod_name(), &self.address) {
            (Some(name), _) => f.write_str(&name),
            (None, Some(address)) => f.write_str(address),
            (None, None) => f.write_str("?"),
        }
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Time of day is enough for a demo: 2026-01-02T03:04:05.678901Z.
        let time = self.time.get(11..23).unwrap_or(&self.time);
        write!(f, "{time}  {} → {} {}", self.source, self.destination, self.protocol)?;
        if let Some(port) = self.destination.port {
            write!(f, " {port}")?;
        }
        if self.destination.address.as_deref().is_some_and(|address| address.contains(':')) {
            f.write_str(" IPv6")?;
        }
        write!(f, "  {} of {}: {}", self.direction, self.endpoint, self.because())
    }
}
