//! What DESIGN section 3 means, said a second time and in the dullest way: loops over the model.
//!
//! The host and the kernel share `decide`, and every node shares `compile`, so a rule that is
//! understood wrongly there is wrong everywhere at once. This module is the other opinion. It may
//! be slow; it may not share lowering code, so it imports `enforcer::model` and `enforcer::store`
//! only and takes just data from them: matching of selectors, blocks and ports is written out here.
//!
//! Not judged here: NSG rules, Services (a virtual address is an address like any other), sources
//! (section 3.5), fragments, and what the node itself sends.

mod block;
mod connection;
pub mod flow;
mod owner;
pub mod packet;
mod rule;
mod selection;

use std::{collections::BTreeSet, net::IpAddr};

use enforcer::{
    model::{Direction, ObjectName, Pod},
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
    let subject = question.subject;
    // "Host-network pods are neither subjects nor peers by selector"; "Finished pods (Succeeded,
    // Failed) own no address" (3.2).
    if !owner::is_on_pod_network(subject) {
        return Answer::NotIsolated;
    }

    let mut isolating = BTreeSet::new();
    let mut by = BTreeSet::new();
    for policy in cluster.policies.values() {
        // "E is isolated in D when any policy that selects E names D" (3.1). A policy selects
        // pods of its own namespace.
        let selects = policy.name.namespace == subject.name.namespace
            && selection::matches(&policy.pod_selector, &subject.labels);
        if !selects {
            continue;
        }
        let named = match question.direction {
            Direction::Ingress => &policy.ingress,
            Direction::Egress => &policy.egress,
        };
        let Some(rules) = named else { continue };
        isolating.insert(policy.name.clone());
        // "then allowed iff some rule of some such policy matches" (3.1).
        for (index, rule) in rules.iter().enumerate() {
            if rule::matches(cluster, &policy.name.namespace, rule, question) {
                by.insert((policy.name.clone(), question.direction, index));
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

#[cfg(test)]
mod tests;
