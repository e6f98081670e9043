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

    /// Which pods of a namespace it selects; `None` when it is not about this namespace, or not about pods.
    #[must_use]
    pub fn pods_of(&self, namespace: &str, namespace_labels: &Labels) -> Option<&Selector> {
        match self {
            Self::PodsOf { namespace: own, pods } => (own == namespace).then_some(pods),
            Self::PodsIn { namespaces, pods } => namespaces.matches(namespace_labels).then_some(pods),
            Self::Block(_) | Self::Virtual(_) => None,
        }
    }
}
