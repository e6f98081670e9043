//! The `ip` scripts that wire pods to the node.
//!
//! *Routed*, as ptp does it: each pod has its addresses with full-length prefixes on `eth0`, a default route
//! to a link-local gateway on the host side of its veth, and the node has one host route per pod address.
//! *Bridged*, as the bridge plugin does it: the host sides are ports of a bridge (in hairpin mode, so that a
//! pod reaches itself through its Service), which has the gateway's addresses; pods share its subnet.
//!
//! Neighbours are resolved for real, by ARP and NDP. No device ever touches the machine's own network namespace.

use std::{fmt::Write, fs, net::IpAddr, path::Path, time::Duration};

use anyhow::{Context, Result};

use super::{
    Netns, Pod, Topology,
    address::{GATEWAY_IPV4, GATEWAY_IPV6, NODE_ADDRESSES, has_ipv6},
    inside, ip,
};
use crate::poll;

/// The bridge's name.
pub const BRIDGE: &str = "cbr0";

/// Makes a node forward, and pods trust their addresses.
pub(super) fn prepare(node: &Netns, pods: &[Pod]) -> Result<()> {
    node.enter(|| set("ipv4/ip_forward", "1"))?;
    if has_ipv6() {
        node.enter(|| set("ipv6/conf/all/forwarding", "1"))?;
        node.enter(trust_addresses)?;
        for pod in pods {
            pod.netns().enter(trust_addresses)?;
        }
    }
    ip::batch(Some(node.name()), "link set lo up\n")
}

/// Wires all pods to the node.
pub(super) fn wire(node: &Netns, topology: Topology, pods: &[Pod]) -> Result<()> {
    prepare(node, pods)?;
    if let Topology::Bridged { netfilter } = topology {
        node.enter(|| bridge_netfilter(netfilter))?;
    }
    ip::batch(Some(node.name()), &node_script(topology)?)?;
    let links: String = pods.iter().map(|pod| link_script(topology, pod)).collect::<Result<_>>()?;
    ip::batch(Some(node.name()), &links)?;
    for pod in pods {
        ip::batch(Some(pod.netns().name()), &pod_script(topology, pod)?)?;
    }
    if topology == Topology::Routed { Ok(()) } else { wait_for_ports(node, pods.len()) }
}

/// A bridge forwards nothing to a port until it has heard that the other side is up.
fn wait_for_ports(node: &Netns, wanted: usize) -> Result<()> {
    poll::until(Duration::from_secs(5), "the bridge's ports forward", || {
        let output = inside(node.name(), "ip").args(["-details", "link", "show", "master", BRIDGE]).output();
        let text = String::from_utf8_lossy(&output.ok()?.stdout).into_owned();
        (text.matches("bridge_slave state forwarding").count() >= wanted).then_some(())
    })
}

/// What is real has had its link-local address for long when it first sends; a lab does not wait for duplicate
/// detection.
pub(super) fn trust_addresses() -> Result<()> {
    set("ipv6/conf/all/accept_dad", "0")?;
    set("ipv6/conf/default/accept_dad", "0")
}

/// A kernel without `br_netfilter` has no such settings, and does as if they were off.
fn bridge_netfilter(on: bool) -> Result<()> {
    if on || Path::new("/proc/sys/net/bridge").exists() {
        for name in ["iptables", "ip6tables"] {
            set(&format!("bridge/bridge-nf-call-{name}"), if on { "1" } else { "0" })?;
        }
    }
    Ok(())
}

/// Wires one pod whose veth pair is gone.
pub(super) fn plug(node: &Netns, topology: Topology, pod: &Pod) -> Result<()> {
    ip::batch(Some(node.name()), &link_script(topology, pod)?)?;
    ip::batch(Some(pod.netns().name()), &pod_script(topology, pod)?)?;
    if topology == Topology::Routed { Ok(()) } else { wait_for_ports(node, 1) }
}

/// Deletes a pod's veth pair, and with it its addresses and routes.
pub(super) fn unplug(node: &Netns, pod: &Pod) -> Result<()> {
    ip::batch(Some(node.name()), &format!("link del {}\n", pod.interface()))
}

/// `/proc/sys/net` shows each thread the settings of its own namespace.
pub(super) fn set(name: &str, value: &str) -> Result<()> {
    let file = format!("/proc/sys/net/{name}");
    fs::write(&file, value).with_context(|| format!("cannot set {file} to {value}"))
}

fn node_script(topology: Topology) -> Result<String> {
    let mut script = String::new();
    let device = match topology {
        Topology::Routed => "lo",
        Topology::Bridged { .. } => {
            // With an address of its own it does not take that of each new port.
            writeln!(script, "link add {BRIDGE} address 02:77:00:00:00:01 type bridge")?;
            writeln!(script, "link set {BRIDGE} up")?;
            BRIDGE
        }
    };
    for address in NODE_ADDRESSES.into_iter().filter(|address| address.is_ipv4() || has_ipv6()) {
        writeln!(script, "addr add {}", assignment(topology, address, device))?;
    }
    Ok(script)
}

fn link_script(topology: Topology, pod: &Pod) -> Result<String> {
    let mut script = String::new();
    let (device, netns) = (pod.interface(), pod.netns().name());
    writeln!(script, "link add {device} type veth peer name eth0 netns {netns}")?;
    if topology != Topology::Routed {
        writeln!(script, "link set {device} addrgenmode none")?;
        writeln!(script, "link set {device} master {BRIDGE}")?;
        writeln!(script, "link set {device} type bridge_slave hairpin on")?;
        writeln!(script, "link set {device} up")?;
        return Ok(script);
    }
    writeln!(script, "addr add {GATEWAY_IPV4}/32 dev {device}")?;
    if has_ipv6() {
        writeln!(script, "link set {device} addrgenmode none")?;
        writeln!(script, "addr add {GATEWAY_IPV6}/64 dev {device} nodad")?;
    }
    writeln!(script, "link set {device} up")?;
    for address in pod.addresses() {
        // The node speaks to pods with its own address, not with the gateway's.
        let [node_ipv4, node_ipv6] = NODE_ADDRESSES;
        let own = if address.is_ipv4() { node_ipv4 } else { node_ipv6 };
        writeln!(script, "route add {address} dev {device} src {own}")?;
    }
    Ok(script)
}

fn pod_script(topology: Topology, pod: &Pod) -> Result<String> {
    let mut script = String::from("link set lo up\nlink set eth0 up\n");
    for address in pod.addresses() {
        writeln!(script, "addr add {}", assignment(topology, *address, "eth0"))?;
    }
    let (ipv4, ipv6) = match topology {
        Topology::Routed => (IpAddr::V4(GATEWAY_IPV4), IpAddr::V6(GATEWAY_IPV6)),
        Topology::Bridged { .. } => NODE_ADDRESSES.into(),
    };
    if pod.addresses().iter().any(IpAddr::is_ipv4) {
        if topology == Topology::Routed {
            writeln!(script, "route add {ipv4} dev eth0 scope link")?;
        }
        writeln!(script, "route add default via {ipv4} dev eth0")?;
    }
    if pod.addresses().iter().any(IpAddr::is_ipv6) {
        writeln!(script, "route add default via {ipv6} dev eth0")?;
    }
    Ok(script)
}

fn assignment(topology: Topology, address: IpAddr, device: &str) -> String {
    let length = match (topology, address) {
        (Topology::Routed, IpAddr::V4(_)) => 32,
        (Topology::Routed, IpAddr::V6(_)) => 128,
        (Topology::Bridged { .. }, IpAddr::V4(_)) => 16,
        (Topology::Bridged { .. }, IpAddr::V6(_)) => 64,
    };
    let nodad = if address.is_ipv6() { " nodad" } else { "" };
    format!("{address}/{length} dev {device}{nodad}")
}
