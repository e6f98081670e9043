//! `EnforcerNodeStatus`: how the agent of one node is, for those who look at the whole cluster.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::GROUP;
use crate::agent::health::Report;

/// `apiVersion` of the object.
pub const API_VERSION: &str = "enforcer.dev/v1alpha1";

/// Lines of a list at most: the object is small. One more says how many were left out; `enforcer status` has all.
const LINES: usize = 20;

/// The object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnforcerNodeStatus {
    /// The node's name, which is the object's.
    pub node: String,
    /// `metadata.uid` of the node: the object goes with it.
    pub node_uid: String,
    /// What it says.
    pub status: NodeStatus,
}

/// How the agent of a node is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// The agent's version.
    pub version: String,
    /// All kinds of objects were listed, and every local pod is enforced.
    pub ready: bool,
    /// When this was so.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub observed_at: Timestamp,
    /// The generation in force: it counts the changes of rules since the agent started. 0: nothing is in force yet.
    pub generation: u64,
    /// Policies in force, of the whole cluster.
    pub policies: u64,
    /// Pods of this node that have an interface on the host.
    pub pods: PodCounts,
    /// How many problems there are.
    pub problem_count: u64,
    /// What is not as it should be.
    pub degraded: Vec<String>,
    /// What is wrong with objects, and with the finding of pods.
    pub problems: Vec<String>,
    /// What somebody should know of objects that are not wrong.
    pub diagnostics: Vec<String>,
    /// Pods at whose packets nothing can be enforced, and why.
    pub outside: Vec<String>,
}

/// Counts of pods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodCounts {
    /// Known to the agent.
    pub known: u64,
    /// Of these, enforced.
    pub enforced: u64,
}

impl NodeStatus {
    /// From the agent's own report.
    #[must_use]
    pub fn new(report: &Report, observed_at: Timestamp) -> Self {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let enforced = report.endpoints.iter().filter(|endpoint| endpoint.enforced).count();
        Self {
            version: report.version.clone(),
            ready: report.ready,
            observed_at,
            generation: report.generation,
            policies: report.applied.as_ref().map_or(0, |applied| count(applied.policies)),
            pods: PodCounts { known: count(report.endpoints.len()), enforced: count(enforced) },
            problem_count: count(report.problems.len()),
            degraded: cut(&report.degraded),
            problems: cut(&report.problems),
            diagnostics: cut(&report.diagnostics),
            outside: cut(&report.outside),
        }
    }

    /// Whether somebody who waits for a change would see none: time goes on, and so do generations.
    #[must_use]
    pub fn is_alike(&self, other: &Self) -> bool {
        *self == Self { observed_at: self.observed_at, generation: self.generation, ..other.clone() }
    }
}

fn cut(lines: &[String]) -> Vec<String> {
    let mut kept: Vec<String> = lines.iter().take(LINES).cloned().collect();
    if lines.len() > LINES {
        kept.push(format!("and {} more: see `enforcer status` on the node", lines.len() - LINES));
    }
    kept
}

/// The URL path of a node's object.
#[must_use]
pub fn node_status_path(node: &str) -> String {
    format!("/apis/{GROUP}/v1alpha1/enforcernodestatuses/{node}")
}

impl EnforcerNodeStatus {
    /// The object as the API server takes it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let Self { node, node_uid, status } = self;
        json!({
            "apiVersion": API_VERSION,
            "kind": "EnforcerNodeStatus",
            "metadata": {
                "name": node,
                "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": node, "uid": node_uid}],
            },
            "status": status,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut_and_say_so() {
        let report =
            Report { problems: (0..25).map(|number| number.to_string()).collect(), ..Report::default() };
        let status = NodeStatus::new(&report, Timestamp::UNIX_EPOCH);
        assert_eq!((status.problem_count, status.problems.len()), (25, LINES + 1));
        assert_eq!(
            status.problems.last().map(String::as_str),
            Some("and 5 more: see `enforcer status` on the node")
        );
    }

    #[test]
    fn progress_alone_is_no_change_to_wait_for() {
        let one = NodeStatus { generation: 1, ..NodeStatus::default() };
        let later = NodeStatus { generation: 2, observed_at: Timestamp::MAX, ..NodeStatus::default() };
        assert!(one.is_alike(&later));
        assert!(!one.is_alike(&NodeStatus { ready: true, ..later }));
    }
}
