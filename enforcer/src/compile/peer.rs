//! Peers with the policy's namespace filled in, so that equal peers of different policies are one.

use std::net::IpAddr;

use crate::model::{IpBlock, Labels, NamespaceScope, Peer, Selector};

/// A peer that means the same wherever it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "agent", derive(serde::Serialize, serde::Deserialize))]
pub enum ResolvedPeer {
    /// Pods of one namespace.
    PodsOf {
        /// The namespace's name.
        namespace: String,
        /// Which pods.
        pods: Selector,
    },
    /// Pods of selected namespaces.
    PodsIn {
        /// Which namespaces.
        namespaces: Selector,
        /// Which pods.
        pods: Selector,
    },
    /// Addresses.
    Block(IpBlock),
    /// One virtual address, which opens to a pod for its own sake: no rule names it.
    Virtual(IpAddr),
}

impl ResolvedPeer {
    /// A peer of a policy in `namespace`.
    #[must_use]
    pub fn new(peer: &Peer, namespace: &str) -> Self {
        match peer {
            Peer::Pods { namespaces: NamespaceScope::Own, pods } => {
                Self::PodsOf { namespace: namespace.to_owned(), pods: pods.clone() }
            }
            Peer::Pods { namespaces: NamespaceScope::Matching(namespaces), pods } => {
                Self::PodsIn { namespaces: namespaces.clone(), pods: pods.clone() }
            }
            Peer::IpBlock(block) => {
                let mut block = block.clone();
                block.except.sort();
                block.except.dedup();
                Self::Block(block)
            }
        }
    }

    /// Whether it selects pods with these labels in a namespace.
    #[must_use]
    pub fn selects(&self, namespace: &str, namespace_labels: &Labels, labels: &Labels) -> bool {
        match self {
            Self::PodsOf { namespace: own, pods } => own == namespace && pods.matches(labels),
            Self::PodsIn { namespaces, pods } => namespaces.matches(namespace_labels) && pods.matches(labels),
            Self::Block(_) | Self::Virtual(_) => false,
        }
    }
}
