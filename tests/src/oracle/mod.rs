//! What DESIGN section 3 means, said a second time and in the dullest way: loops over the model.
//!
//! The host and the kernel share `decide`, and every node shares `compile`, so a rule that is
//! understood wrongly there is wrong everywhere at once. This module is the other opinion. It may
//! be slow; it may not share lowering code, so it imports `enforcer::model` and `enforcer::store`
//! only and takes just data from them: matching of selectors, blocks and ports is written out here.
//!
//! Not judged here: NSG rules, sources (section 3.5), fragments, and what the node itself sends.

mod block;
mod connection;
pub mod flow;
mod owner;
pub mod packet;
mod rule;
mod selection;
pub mod service;

use std::{collections::BTreeSet, net::IpAddr};

use enforcer::{
    model::{Direction, ObjectName, Pod, Protocol},
    store::Cluster,
};

pub use connection::{Family, connects};
pub use owner::{owner, with_endpoints};

/// The opening of a flow, as the rules of one side see it.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Towards the subject or from it.
    pub direction: Direction,
    /// The pod whose rules are asked.
    pub subject: &'a Pod,
    /// The address of the other side.
    pub remote: IpAddr,
    /// IANA number.
    pub protocol: u8,
    /// Destination port of the packet that opens the flow; `None` for protocols without ports.
    pub port: Option<u16>,
}

/// A rule: its policy, its direction, and its place in the policy's list.
pub type RuleName = (ObjectName, Direction, usize);

/// What the rules say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// No policy speaks about this pod in this direction: allowed.
    NotIsolated,
    /// Isolated, and some rule allows it.
    Allowed {
        /// All of the rules that do.
        by: BTreeSet<RuleName>,
    },
    /// Isolated, and no rule allows it.
    Denied {
        /// The policies that isolate the pod in this direction.
        isolating: BTreeSet<ObjectName>,
    },
}

impl Answer {
    /// Whether the flow may open.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::NotIsolated | Self::Allowed { .. } => true,
            Self::Denied { .. } => false,
        }
    }
}

/// Asks all policies of the cluster.
#[must_use]
pub fn judge(cluster: &Cluster, question: &Question<'_>) -> Answer {
    // "The packet leaves the pod with the virtual address" (3.8): only what a pod opens can go to a Service.
    let protocol = Protocol::ALL.into_iter().find(|known| known.number() == question.protocol);
    if let (Direction::Egress, Some(protocol), Some(port)) = (question.direction, protocol, question.port)
        && let Some((service, port)) = service::behind(cluster, question.remote, protocol, port)
    {
        return service::judge(cluster, question, service, port);
    }
    judge_address(cluster, question)
}

/// Asks them of the address itself.
fn judge_address(cluster: &Cluster, question: &Question<'_>) -> Answer {
    let isolating = policies_of(cluster, question.subject, question.direction);
    let mut by = BTreeSet::new();
    for name in &isolating {
        let policy = cluster.policies.get(name);
        let rules = policy.and_then(|policy| match question.direction {
            Direction::Ingress => policy.ingress.as_ref(),
            Direction::Egress => policy.egress.as_ref(),
        });
        // "then allowed iff some rule of some such policy matches" (3.1).
        for (index, rule) in rules.into_iter().flatten().enumerate() {
            if rule::matches(cluster, &name.namespace, rule, question) {
                by.insert((name.clone(), question.direction, index));
            }
        }
    }
    if isolating.is_empty() {
        Answer::NotIsolated
    } else if by.is_empty() {
        Answer::Denied { isolating }
    } else {
        Answer::Allowed { by }
    }
}

/// The policies that isolate a pod in a direction.
fn policies_of(cluster: &Cluster, subject: &Pod, direction: Direction) -> BTreeSet<ObjectName> {
    // "Host-network pods are neither subjects nor peers by selector"; "Finished pods (Succeeded,
    // Failed) own no address" (3.2).
    if !owner::is_on_pod_network(subject) {
        return BTreeSet::new();
    }
    let mut isolating = BTreeSet::new();
    for policy in cluster.policies.values() {
        // "E is isolated in D when any policy that selects E names D" (3.1). A policy selects
        // pods of its own namespace.
        let selects = policy.name.namespace == subject.name.namespace
            && selection::matches(&policy.pod_selector, &subject.labels);
        let named = match direction {
            Direction::Ingress => policy.ingress.is_some(),
            Direction::Egress => policy.egress.is_some(),
        };
        if selects && named {
            isolating.insert(policy.name.clone());
        }
    }
    isolating
}

#[cfg(test)]
mod tests;
