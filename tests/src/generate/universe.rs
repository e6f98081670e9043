//! The few names and numbers that everything is made of.

use std::net::IpAddr;

use ipnet::IpNet;

/// Namespaces. All of them are always there.
pub const NAMESPACES: [&str; 3] = ["a", "b", "c"];

/// The same with the first one more often, so that pods and policies meet.
pub const CROWDED_NAMESPACES: [&str; 6] = ["a", "a", "a", "b", "b", "c"];

/// Label keys of pods and of namespaces.
pub const LABEL_KEYS: [&str; 3] = ["app", "team", "tier"];

/// Label values that objects have.
pub const LABEL_VALUES: [&str; 2] = ["x", "y"];

/// A label value that only selectors have.
pub const ABSENT_VALUE: &str = "z";

/// IPv4 addresses on the pod network: fewer than there can be pods.
pub const POD_ADDRESSES_V4: [&str; 6] =
    ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.1.1", "10.0.1.128"];

/// IPv6 addresses on the pod network.
pub const POD_ADDRESSES_V6: [&str; 6] =
    ["fd00::1", "fd00::2", "fd00::3", "fd00::4", "fd00:0:0:1::1", "fd00::8000"];

/// Addresses of nodes, which their host-network pods have.
pub const NODE_ADDRESSES: [(&str, &str); 2] = [("192.168.0.10", "fd01::10"), ("192.168.0.11", "fd01::11")];

/// Addresses that are no pod's.
pub const OUTSIDE_ADDRESSES: [&str; 8] = [
    "10.0.0.9",
    "10.255.0.1",
    "192.0.2.1",
    "203.0.113.77",
    "8.8.8.8",
    "fd00::9",
    "2001:db8::77",
    "2606:4700::1111",
];

/// Blocks that nest, touch, cover pods, cover nodes, cover nothing known, cover everything.
pub const BLOCKS: [&str; 27] = [
    "0.0.0.0/0",
    "0.0.0.0/1",
    "128.0.0.0/1",
    "10.0.0.0/8",
    "10.0.0.0/16",
    "10.0.0.0/23",
    "10.0.0.0/24",
    "10.0.1.0/24",
    "10.0.1.128/25",
    "10.0.0.0/30",
    "10.0.0.2/31",
    "10.0.0.1/32",
    "192.168.0.0/24",
    "192.168.0.10/32",
    "203.0.113.0/24",
    "203.0.113.64/26",
    "203.0.113.77/32",
    "::/0",
    "::/1",
    "fd00::/8",
    "fd00::/63",
    "fd00::/64",
    "fd00::/126",
    "fd00::2/127",
    "fd00::1/128",
    "2001:db8::/32",
    "2001:db8::/65",
];

/// Ports at which ranges begin and end.
pub const PORTS: [u16; 9] = [80, 81, 443, 53, 1, 8080, 8090, 65534, 65535];

/// Names that containers give to ports.
pub const PORT_NAMES: [&str; 2] = ["http", "dns"];

/// A port name that only policies have.
pub const ABSENT_PORT_NAME: &str = "nobody";

/// IANA numbers of protocols without ports that can stand behind either IP header. Not among them:
/// `ICMP` and `ICMPv6`, which belong to one family, and IPv6's extension headers.
pub const OTHER_PROTOCOLS: [u8; 9] = [50, 47, 2, 4, 41, 89, 103, 115, 253];

/// All addresses of the universe.
#[must_use]
pub fn addresses() -> Vec<IpAddr> {
    let nodes = NODE_ADDRESSES.iter().flat_map(|(v4, v6)| [*v4, *v6]);
    let pods = POD_ADDRESSES_V4.into_iter().chain(POD_ADDRESSES_V6);
    pods.chain(nodes).chain(OUTSIDE_ADDRESSES).map(address).collect()
}

/// All blocks of the universe.
#[must_use]
pub fn blocks() -> Vec<IpNet> {
    BLOCKS.iter().map(|text| text.parse().expect("a CIDR")).collect()
}

/// An address of the universe.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn address(text: &str) -> IpAddr {
    text.parse().expect("an IP address")
}
