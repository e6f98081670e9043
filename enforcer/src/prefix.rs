//! Longest-prefix match over an ordered map: what the kernel's trie does, for the pure stages.

use std::{collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;

/// The value of the longest prefix that holds an address.
#[must_use]
pub fn longest<V>(prefixes: &BTreeMap<IpNet, V>, address: IpAddr) -> Option<&V> {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    up_to(prefixes, address, bits)
}

/// The value of the longest prefix that is strictly shorter than `prefix` and holds it.
#[must_use]
pub fn parent<V>(prefixes: &BTreeMap<IpNet, V>, prefix: IpNet) -> Option<&V> {
    up_to(prefixes, prefix.network(), prefix.prefix_len().checked_sub(1)?)
}

/// The value of `prefix` itself, or of the longest one that holds it.
#[must_use]
pub fn covering<V>(prefixes: &BTreeMap<IpNet, V>, prefix: IpNet) -> Option<&V> {
    up_to(prefixes, prefix.network(), prefix.prefix_len())
}

fn up_to<V>(prefixes: &BTreeMap<IpNet, V>, address: IpAddr, bits: u8) -> Option<&V> {
    if prefixes.is_empty() {
        return None;
    }
    (0..=bits).rev().find_map(|length| {
        let prefix = IpNet::new(address, length).ok()?.trunc();
        prefixes.get(&prefix)
    })
}
