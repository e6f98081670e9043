//! `ipBlock`s → prefixes with signatures.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::{ResolvedPeer, Signature};

/// Every CIDR and exception of the peers, with the signature of the addresses that it is the longest
/// prefix of. All boundaries of all blocks are among the prefixes, so any one address speaks for them.
pub(super) fn prefixes(peers: &[ResolvedPeer]) -> BTreeMap<IpNet, Signature> {
    let mut prefixes = BTreeMap::new();
    for peer in peers {
        if let ResolvedPeer::Block(block) = peer {
            prefixes.insert(block.cidr, Signature::default());
            prefixes.extend(block.except.iter().map(|except| (*except, Signature::default())));
        }
    }
    for (prefix, signature) in &mut prefixes {
        *signature = peers
            .iter()
            .enumerate()
            .filter(|(_, peer)| match peer {
                ResolvedPeer::Block(block) => {
                    block.cidr.contains(prefix) && !block.except.iter().any(|except| except.contains(prefix))
                }
                ResolvedPeer::PodsOf { .. } | ResolvedPeer::PodsIn { .. } => false,
            })
            .map(|(index, _)| index)
            .collect();
    }
    prefixes
}
