//! Signatures: what the rules in use can tell of an address.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;

use super::{ResolvedPeer, ResolvedRule, port};
use crate::{
    model::{Labels, NamedPort, Pod, Selector},
    prefix::longest,
    store::Cluster,
};

/// What tells an address from others: which peers it matches, what its pod calls by the names of ports, and what stands
/// behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature {
    /// Indices of the peers.
    peers: BTreeSet<usize>,
    /// By index of the name. Only names that a rule uses for this address, and that its pod has.
    numbers: BTreeMap<usize, BTreeSet<u16>>,
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

    /// The indices of the peers, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.peers.iter().copied()
    }

    /// The same address, where this stays open to flows that are.
    #[must_use]
    pub fn keeping(&self, kept: BTreeSet<(u32, u32)>) -> Self {
        Self { kept, ..self.clone() }
    }

    /// With one more peer.
    pub(super) fn add(&mut self, peer: usize) {
        self.peers.insert(peer);
    }

    /// What the named port with this index stands for.
    #[must_use]
    pub fn numbers(&self, name: usize) -> Option<&BTreeSet<u16>> {
        self.numbers.get(&name)
    }
}

impl FromIterator<usize> for Signature {
    fn from_iter<I: IntoIterator<Item = usize>>(indices: I) -> Self {
        Self { peers: indices.into_iter().collect(), ..Self::default() }
    }
}

/// Where named ports are used: pods that no such rule is about need no signature for them.
pub(super) struct NameUses<'a> {
    names: &'a [NamedPort],
    /// Indices of names by the peer that stands beside them.
    by_peer: BTreeMap<usize, BTreeSet<usize>>,
    /// Those in rules without peers, for every address.
    everywhere: BTreeSet<usize>,
}

impl<'a> NameUses<'a> {
    pub(super) fn new(rules: &[&ResolvedRule], peers: &[ResolvedPeer], names: &'a [NamedPort]) -> Self {
        let mut uses = Self { names, by_peer: BTreeMap::new(), everywhere: BTreeSet::new() };
        for rule in rules {
            let used: Vec<usize> =
                rule.ports.names().filter_map(|name| names.binary_search(name).ok()).collect();
            match &rule.peers {
                None => uses.everywhere.extend(used),
                Some(beside) if !used.is_empty() => {
                    for peer in beside.iter().filter_map(|peer| peers.binary_search(peer).ok()) {
                        uses.by_peer.entry(peer).or_default().extend(&used);
                    }
                }
                Some(_) => {}
            }
        }
        uses
    }

    /// What the names that are used for an address stand for on its pod.
    fn resolve(&self, matched: &BTreeSet<usize>, pod: &Pod) -> BTreeMap<usize, BTreeSet<u16>> {
        let beside = matched.iter().filter_map(|peer| self.by_peer.get(peer)).flatten();
        let used: BTreeSet<usize> = self.everywhere.iter().chain(beside).copied().collect();
        used.into_iter()
            .filter_map(|index| Some((index, port::numbers(pod, self.names.get(index)?))))
            .filter(|(_, numbers)| !numbers.is_empty())
            .collect()
    }
}

/// The peers that can select pods of one namespace: few of all, and found once for all of its pods.
struct Namespace<'a> {
    candidates: Vec<(usize, &'a Selector)>,
    /// Those that select pods with these labels.
    by_labels: BTreeMap<&'a Labels, BTreeSet<usize>>,
}

impl<'a> Namespace<'a> {
    fn new(name: &str, cluster: &Cluster, peers: &'a [ResolvedPeer]) -> Self {
        let labels = cluster.namespace_labels(name);
        let candidates =
            peers.iter().enumerate().filter_map(|(index, peer)| Some((index, peer.pods_of(name, &labels)?)));
        Self { candidates: candidates.collect(), by_labels: BTreeMap::new() }
    }

    fn peers_of(&mut self, pod: &'a Pod) -> &BTreeSet<usize> {
        let candidates = &self.candidates;
        self.by_labels.entry(&pod.labels).or_insert_with(|| {
            let selecting = candidates.iter().filter(|(_, pods)| pods.matches(&pod.labels));
            selecting.map(|(index, _)| *index).collect()
        })
    }
}

/// The signatures of owned addresses, where they are not what the prefixes already say.
pub(super) fn addresses<'a>(
    cluster: &Cluster,
    owners: &BTreeMap<IpAddr, &'a Pod>,
    peers: &'a [ResolvedPeer],
    uses: &NameUses<'_>,
    prefixes: &BTreeMap<IpNet, Signature>,
) -> BTreeMap<IpAddr, Signature> {
    let mut namespaces: BTreeMap<&str, Namespace<'a>> = BTreeMap::new();
    let mut addresses = BTreeMap::new();
    for (address, pod) in owners {
        let name = pod.name.namespace.as_str();
        let namespace = namespaces.entry(name).or_insert_with(|| Namespace::new(name, cluster, peers));
        if namespace.candidates.is_empty() && uses.names.is_empty() {
            continue;
        }
        let by_label = namespace.peers_of(pod);
        if by_label.is_empty() && uses.names.is_empty() {
            continue;
        }
        // Blocks hold any address, a pod's too.
        let by_block = longest(prefixes, *address);
        let matched: BTreeSet<usize> =
            by_label.iter().copied().chain(by_block.into_iter().flat_map(Signature::iter)).collect();
        let numbers = uses.resolve(&matched, pod);
        if !by_label.is_empty() || !numbers.is_empty() {
            addresses.insert(*address, Signature { peers: matched, numbers, ..Signature::default() });
        }
    }
    addresses
}
