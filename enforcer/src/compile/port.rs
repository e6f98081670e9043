//! Ports of rules, in an order that does not depend on how they were written, and what their names stand for.
//!
//! A named port is a port of the *destination* pod. On ingress that is the subject: its numbers take the name's place
//! before rule sets are compared. On egress it is whoever owns the remote address: the name stays in the rule, and
//! the address's [`Signature`](super::Signature) says which numbers it stands for there.

use std::collections::BTreeSet;

use crate::model::{NamedPort, Pod, PortMatch, PortRange, Ports};

/// The `ports` of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "agent", derive(serde::Serialize, serde::Deserialize))]
pub enum ResolvedPorts {
    /// Every IP protocol and every port.
    Any,
    /// Only these.
    Listed {
        /// By number.
        ranges: BTreeSet<PortRange>,
        /// By a name that each remote address may resolve differently; empty in ingress rules.
        names: BTreeSet<NamedPort>,
    },
}

impl ResolvedPorts {
    /// As the policy has them, names unresolved.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        let Ports::Listed(list) = ports else { return Self::Any };
        let (mut ranges, mut names) = (BTreeSet::new(), BTreeSet::new());
        for entry in list {
            match entry {
                PortMatch::Range(range) => {
                    ranges.insert(*range);
                }
                PortMatch::Named(named) => {
                    names.insert(named.clone());
                }
            }
        }
        Self::Listed { ranges, names }
    }

    /// The names that are still to be resolved.
    pub fn names(&self) -> impl Iterator<Item = &NamedPort> {
        match self {
            Self::Any => None,
            Self::Listed { names, .. } => Some(names),
        }
        .into_iter()
        .flatten()
    }

    /// With the numbers that this pod gives to the names. A name that it does not have stands for nothing.
    pub(super) fn resolve(&self, pod: &Pod) -> Self {
        match self {
            Self::Any => Self::Any,
            Self::Listed { ranges, names } => {
                let resolved = names.iter().flat_map(|named| {
                    let single = |port| PortRange { protocol: named.protocol, first: port, last: port };
                    numbers(pod, named).into_iter().map(single)
                });
                let ranges = ranges.iter().copied().chain(resolved).collect();
                Self::Listed { ranges, names: BTreeSet::new() }
            }
        }
    }
}

/// What a pod's containers call by this name. Several may: each of their numbers counts.
pub(super) fn numbers(pod: &Pod, named: &NamedPort) -> BTreeSet<u16> {
    pod.ports
        .iter()
        .filter(|port| port.protocol == named.protocol && port.name.as_ref() == Some(&named.name))
        .map(|port| port.port)
        .collect()
}
