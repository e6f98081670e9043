//! `ipBlock`s → prefixes with signatures.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::{ResolvedPeer, Signature};

/// Every CIDR and exception of the peers, with the signature of the addresses that it is the longest
/// prefix of. All boundaries of all blocks are among the prefixes, so any one address speaks for them.
pub(super) fn prefixes(peers: &[ResolvedPeer]) -> BTreeMap<IpNet, Signature> {
    // What begins and what ends at each prefix: a block's own CIDR, and its exceptions.
    let mut marks: BTreeMap<IpNet, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (index, peer) in peers.iter().enumerate() {
        if let ResolvedPeer::Block(block) = peer {
            marks.entry(block.cidr).or_default().0.push(index);
            for except in &block.except {
                marks.entry(*except).or_default().1.push(index);
            }
        }
    }
    let signature = |prefix: &IpNet| -> Signature {
        let mut held = BTreeSet::new();
        // From the widest to the prefix itself: an exception lies inside its block, so it comes after.
        let around = (0..=prefix.prefix_len())
            .filter_map(|length| IpNet::new(prefix.network(), length).ok())
            .filter_map(|net| marks.get(&net.trunc()));
        for (begin, end) in around {
            held.extend(begin);
            for index in end {
                held.remove(index);
            }
        }
        held.into_iter().collect()
    };
    marks.keys().map(|prefix| (*prefix, signature(prefix))).collect()
}
