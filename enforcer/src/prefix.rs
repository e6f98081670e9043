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

/// The value of the longest prefix of at most so many bits that holds an address. In the order of the map a prefix stands
/// before all that it holds, so it is the last one that is not behind the address, or it holds that one too.
fn up_to<V>(prefixes: &BTreeMap<IpNet, V>, address: IpAddr, bits: u8) -> Option<&V> {
    let mut bits = bits;
    loop {
        let key = IpNet::new(address, bits).ok()?.trunc();
        let (found, value) = prefixes.range(..=key).next_back()?;
        if found.contains(&address) {
            return Some(value);
        }
        bits = common(found.network(), address)?;
    }
}

/// How many leading bits two addresses share; `None` for those of two families.
fn common(one: IpAddr, other: IpAddr) -> Option<u8> {
    let bits = match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
    };
    u8::try_from(bits).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every length in turn, from the longest.
    fn one_by_one(prefixes: &BTreeMap<IpNet, u32>, address: IpAddr, bits: u8) -> Option<&u32> {
        let net = |length| IpNet::new(address, length).ok().map(|net| net.trunc());
        (0..=bits).rev().find_map(|length| prefixes.get(&net(length)?))
    }

    #[test]
    fn the_walk_back_finds_what_trying_every_length_finds() {
        // A small space of crowded prefixes, of both families, from a generator with a fixed beginning.
        let mut state = 1_u32;
        let mut next = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % below
        };
        let mut compared = 0;
        for _ in 0..300 {
            let address = |next: &mut dyn FnMut(u32) -> u32| -> IpAddr {
                let [a, b, c, d] = [next(3), next(2) * 128, next(4) * 64, next(256)];
                let low = (a << 24) | (b << 16) | (c << 8) | d;
                if next(3) == 0 {
                    std::net::Ipv6Addr::from(u128::from(low) << 80 | u128::from(low)).into()
                } else {
                    std::net::Ipv4Addr::from(low).into()
                }
            };
            let mut prefixes = BTreeMap::new();
            for number in 0..next(20) {
                let address = address(&mut next);
                let bits = if address.is_ipv4() { 33 } else { 129 };
                let length = u8::try_from(next(bits)).unwrap_or(0);
                if let Ok(net) = IpNet::new(address, length) {
                    prefixes.insert(net.trunc(), number);
                }
            }
            for _ in 0..50 {
                let address = address(&mut next);
                let most = if address.is_ipv4() { 32 } else { 128 };
                assert_eq!(longest(&prefixes, address), one_by_one(&prefixes, address, most));
                let bits = u8::try_from(next(u32::from(most) + 1)).unwrap_or(0);
                assert_eq!(up_to(&prefixes, address, bits), one_by_one(&prefixes, address, bits));
                compared += usize::from(longest(&prefixes, address).is_some());
            }
        }
        assert!(compared > 3_000, "{compared} had a prefix");
    }
}
