//! The world outside the node: a router, and a host behind it. The link between these two carries smaller
//! packets than all others, and only the router knows: who sends more has to be told.
//!
//! ```text
//! node (uplink 10.88.0.1) ── router (10.88.0.2 | 10.89.0.1) ── host (10.89.0.2)
//! ```

use std::{
    fmt::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use anyhow::Result;

use super::{LabId, Netns, address::has_ipv6, ip, wiring};

/// The largest packet that the router sends to the host.
pub const ROUTER_MTU: u16 = 1300;

/// A router, and a host behind it.
#[derive(Debug)]
pub struct Outside {
    router: Netns,
    host: Netns,
}

impl Outside {
    pub(super) fn join(id: &LabId, node: &Netns) -> Result<Self> {
        let [router, host] = ["router", "host"].map(|name| Netns::new(format!("{}{name}", id.prefix())));
        let outside = Self { router, host };
        let names: String =
            [&outside.router, &outside.host].map(|netns| format!("netns add {}\n", netns.name())).concat();
        ip::batch(None, &names)?;
        outside.router.enter(|| wiring::set("ipv4/ip_forward", "1"))?;
        if has_ipv6() {
            outside.router.enter(|| wiring::set("ipv6/conf/all/forwarding", "1"))?;
            outside.router.enter(wiring::trust_addresses)?;
            outside.host.enter(wiring::trust_addresses)?;
        }
        let node_script = outside.node_script()?;
        ip::batch(Some(node.name()), &node_script)?;
        ip::batch(Some(outside.router.name()), &outside.router_script()?)?;
        ip::batch(Some(outside.host.name()), &Self::host_script()?)?;
        Ok(outside)
    }

    /// The router's network namespace.
    #[must_use]
    pub fn router(&self) -> &Netns {
        &self.router
    }

    /// The host's network namespace.
    #[must_use]
    pub fn host(&self) -> &Netns {
        &self.host
    }

    /// The host's addresses.
    #[must_use]
    pub fn host_address(&self, ipv4: bool) -> IpAddr {
        numbered(89, 2, ipv4)
    }

    /// The router's addresses, on the node's side.
    #[must_use]
    pub fn router_address(&self, ipv4: bool) -> IpAddr {
        numbered(88, 2, ipv4)
    }

    /// The node's addresses on its uplink.
    #[must_use]
    pub fn uplink_address(&self, ipv4: bool) -> IpAddr {
        numbered(88, 1, ipv4)
    }

    fn node_script(&self) -> Result<String> {
        let mut script = format!("link add uplink type veth peer name node netns {}\n", self.router.name());
        writeln!(script, "link set uplink up")?;
        for ipv4 in families() {
            writeln!(script, "addr add {}", assignment(88, 1, ipv4, "uplink"))?;
            writeln!(script, "route add {} via {}", subnet(89, ipv4), numbered(88, 2, ipv4))?;
        }
        Ok(script)
    }

    fn router_script(&self) -> Result<String> {
        let mut script = String::from("link set lo up\nlink set node up\n");
        writeln!(script, "link add host type veth peer name eth0 netns {}", self.host.name())?;
        writeln!(script, "link set host mtu {ROUTER_MTU} up")?;
        for ipv4 in families() {
            writeln!(script, "addr add {}", assignment(88, 2, ipv4, "node"))?;
            writeln!(script, "addr add {}", assignment(89, 1, ipv4, "host"))?;
            writeln!(script, "route add {} via {}", subnet(77, ipv4), numbered(88, 1, ipv4))?;
        }
        Ok(script)
    }

    fn host_script() -> Result<String> {
        let mut script = String::from("link set lo up\nlink set eth0 up\n");
        for ipv4 in families() {
            writeln!(script, "addr add {}", assignment(89, 2, ipv4, "eth0"))?;
            writeln!(script, "route add default via {}", numbered(89, 1, ipv4))?;
        }
        Ok(script)
    }
}

fn families() -> impl Iterator<Item = bool> {
    [true, false].into_iter().filter(|ipv4| *ipv4 || has_ipv6())
}

fn numbered(network: u8, number: u8, ipv4: bool) -> IpAddr {
    if ipv4 {
        return Ipv4Addr::new(10, network, 0, number).into();
    }
    // fd77::, written as the IPv4 networks are.
    let first = 0xfd00 | u16::from(network / 10 * 16 + network % 10);
    Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, number.into()).into()
}

fn subnet(network: u8, ipv4: bool) -> String {
    let length = if ipv4 { 16 } else { 64 };
    format!("{}/{length}", numbered(network, 0, ipv4))
}

fn assignment(network: u8, number: u8, ipv4: bool, device: &str) -> String {
    let (length, nodad) = if ipv4 { (16, "") } else { (64, " nodad") };
    format!("{}/{length} dev {device}{nodad}", numbered(network, number, ipv4))
}
