//! Signatures: what the rules in use can tell of an address.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;

use super::ResolvedPeer;
use crate::{
    model::{Labels, Pod},
    prefix::longest,
    store::Cluster,
};

/// What tells an address from others.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature {
    /// Indices of the peers that it matches.
    peers: BTreeSet<usize>,
    /// Of a virtual address: the index of what stands behind its ports.
    pub service: Option<usize>,
    /// Of a virtual address: where flows that are open stay so, as (rule set id, point). Only `plan` knows.
    pub kept: BTreeSet<(u32, u32)>,
}

impl Signature {
    /// Whether the peer with this index is matched.
    #[must_use]
    pub fn has(&self, peer: usize) -> bool {
        self.peers.contains(&peer)
    }

    /// The indices, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.peers.iter().copied()
    }

    /// With one more peer.
    pub(super) fn add(&mut self, peer: usize) {
        self.peers.insert(peer);
    }

    /// Whether no peer is matched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }
}

impl FromIterator<usize> for Signature {
    fn from_iter<I: IntoIterator<Item = usize>>(indices: I) -> Self {
        Self { peers: indices.into_iter().collect(), ..Self::default() }
    }
}

/// The signatures of owned addresses, where they are not what the prefixes already say.
pub(super) fn addresses(
    cluster: &Cluster,
    owners: &BTreeMap<IpAddr, &Pod>,
    peers: &[ResolvedPeer],
    prefixes: &BTreeMap<IpNet, Signature>,
) -> BTreeMap<IpAddr, Signature> {
    let mut selected: BTreeMap<(&str, &Labels), BTreeSet<usize>> = BTreeMap::new();
    let mut addresses = BTreeMap::new();
    for (address, pod) in owners {
        let namespace = pod.name.namespace.as_str();
        let by_label = selected.entry((namespace, &pod.labels)).or_insert_with(|| {
            let namespace_labels = cluster.namespace_labels(namespace);
            let selects = |peer: &ResolvedPeer| peer.selects(namespace, &namespace_labels, &pod.labels);
            peers.iter().enumerate().filter(|(_, peer)| selects(peer)).map(|(index, _)| index).collect()
        });
        if by_label.is_empty() {
            continue;
        }
        // Blocks hold any address, a pod's too.
        let by_block = longest(prefixes, *address);
        let signature =
            by_label.iter().copied().chain(by_block.into_iter().flat_map(Signature::iter)).collect();
        addresses.insert(*address, signature);
    }
    addresses
}
