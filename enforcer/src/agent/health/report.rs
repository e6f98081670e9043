//! How the agent is, at one moment. Its JSON form is what the status socket gives.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::IpAddr,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::flow::Applied;

/// How the agent is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The agent's version.
    pub version: String,
    /// The node's name.
    pub node: String,
    /// Every kind was listed, and every local pod is enforced.
    pub ready: bool,
    /// What is not as it should be, readiness or not.
    pub degraded: Vec<String>,
    /// Since when nothing is heard of some kind.
    pub api_away_since: Option<Timestamp>,
    /// How far each kind is.
    pub kinds: BTreeMap<String, KindReport>,
    /// What is in force; nothing before the first list of every kind.
    pub applied: Option<Applied>,
    /// Counts the changes that had something to write.
    #[serde(default)]
    pub generation: u64,
    /// When that was applied.
    pub applied_at: Option<Timestamp>,
    /// Pods of this node at whose packets nothing can be enforced, and why.
    #[serde(default)]
    pub outside: Vec<String>,
    /// This node's pods.
    pub endpoints: Vec<EndpointReport>,
    /// What is wrong with objects and with the finding of endpoints.
    pub problems: Vec<String>,
    /// What somebody should know of objects that are not wrong.
    pub diagnostics: Vec<String>,
}

/// How far a kind is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindReport {
    /// It was listed as a whole.
    pub listed: bool,
    /// When the server last told of it.
    pub heard: Option<Timestamp>,
    /// Why nothing is heard of it.
    pub outage: Option<OutageReport>,
}

/// Why nothing is heard of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutageReport {
    /// Since when.
    pub since: Timestamp,
    /// Attempts that failed.
    pub attempts: u64,
    /// Why the last one did.
    pub reason: String,
}

/// A local pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointReport {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub pod: String,
    /// Its host-side interface.
    pub interface: String,
    /// Its addresses.
    pub addresses: BTreeSet<IpAddr>,
    /// The programs are attached to the interface.
    pub enforced: bool,
}

impl fmt::Display for Report {
    /// For people: what matters first, nothing that is as it should be at length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ready = if self.ready { "ready" } else { "not ready" };
        writeln!(f, "enforcer {} on node {}: {ready}", self.version, self.node)?;
        match self.api_away_since {
            Some(since) => writeln!(f, "API server: away since {since}; the last state stays in force")?,
            None => writeln!(f, "API server: in touch")?,
        }
        for (kind, report) in &self.kinds {
            if let Some(OutageReport { since, attempts, reason }) = &report.outage {
                writeln!(f, "  {kind}: since {since}, {attempts} attempts: {reason}")?;
            } else if !report.listed {
                writeln!(f, "  {kind}: not listed yet")?;
            }
        }
        match (&self.applied, self.applied_at) {
            (Some(applied), Some(at)) => writeln!(
                f,
                "In force: revision {} since {at}: {} policies, {} pods, {} rule sets",
                applied.revision, applied.policies, applied.pods, applied.rule_sets
            )?,
            _ => writeln!(f, "In force: nothing yet")?,
        }
        let enforced = self.endpoints.iter().filter(|endpoint| endpoint.enforced).count();
        writeln!(f, "Endpoints: {enforced} of {} enforced", self.endpoints.len())?;
        for endpoint in &self.endpoints {
            let addresses: Vec<String> = endpoint.addresses.iter().map(ToString::to_string).collect();
            let state = if endpoint.enforced { "" } else { "  NOT ENFORCED" };
            let EndpointReport { namespace, pod, interface, .. } = endpoint;
            writeln!(f, "  {namespace}/{pod}  {interface}  {}{state}", addresses.join(", "))?;
        }
        for (title, lines) in [
            ("Not enforced by their kind", &self.outside),
            ("Degraded", &self.degraded),
            ("Problems", &self.problems),
            ("Diagnostics", &self.diagnostics),
        ] {
            if !lines.is_empty() {
                writeln!(f, "{title}:")?;
            }
            for line in lines {
                writeln!(f, "  {line}")?;
            }
        }
        Ok(())
    }
}
