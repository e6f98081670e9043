//! Addresses of a lab: 10.77.0.0/16 and fd77::/64. The node has number 1; pods are counted from 2.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};

use anyhow::{Result, ensure};

/// The node's own addresses.
pub const NODE_ADDRESSES: [IpAddr; 2] = [IpAddr::V4(ipv4(1)), IpAddr::V6(ipv6(1))];

/// The gateway of every pod, on the host side of its veth. IPv4 link-local, as routed CNIs have it.
pub(super) const GATEWAY_IPV4: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);

/// The same for IPv6.
pub(super) const GATEWAY_IPV6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

/// Whether this kernel has IPv6; a lab does without where it has not.
pub fn has_ipv6() -> bool {
    Path::new("/proc/net/if_inet6").exists()
}

/// The addresses of the pod with this index, one of each family.
pub(super) fn of_pod(index: usize) -> Result<BTreeSet<IpAddr>> {
    ensure!(index < 60_000, "a lab has room for 60000 pods");
    let number = u16::try_from(index)? + 2;
    let mut addresses = BTreeSet::from([IpAddr::V4(ipv4(number))]);
    if has_ipv6() {
        addresses.insert(IpAddr::V6(ipv6(number)));
    }
    Ok(addresses)
}

const fn ipv4(number: u16) -> Ipv4Addr {
    let [high, low] = number.to_be_bytes();
    Ipv4Addr::new(10, 77, high, low)
}

const fn ipv6(number: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, number)
}
