//! The `ip` scripts that wire pods to the node, as a routed CNI (ptp) would: each pod has its addresses
//! with full-length prefixes on `eth0`, a default route to a link-local gateway on the host side of its
//! veth, and the node has one host route per pod address. Neighbours are resolved for real, by ARP and
//! NDP. No device ever touches the machine's own network namespace.

use std::{fmt::Write, fs, net::IpAddr};

use anyhow::{Context, Result};

use super::{
    Netns, Pod,
    address::{GATEWAY_IPV4, GATEWAY_IPV6, NODE_ADDRESSES, has_ipv6},
    ip,
};

/// Wires all pods to the node.
pub(super) fn wire(node: &Netns, pods: &[Pod]) -> Result<()> {
    node.enter(|| set("ipv4/ip_forward", "1"))?;
    if has_ipv6() {
        node.enter(|| set("ipv6/conf/all/forwarding", "1"))?;
        for pod in pods {
            // A real pod has had its link-local address for long when it first sends; a lab does not
            // wait for duplicate detection.
            pod.netns().enter(|| {
                set("ipv6/conf/all/accept_dad", "0")?;
                set("ipv6/conf/default/accept_dad", "0")
            })?;
        }
    }
    ip::batch(Some(node.name()), &node_script()?)?;
    let links: String = pods.iter().map(link_script).collect::<Result<_>>()?;
    ip::batch(Some(node.name()), &links)?;
    for pod in pods {
        ip::batch(Some(pod.netns().name()), &pod_script(pod)?)?;
    }
    Ok(())
}

/// Wires one pod whose veth pair is gone.
pub(super) fn plug(node: &Netns, pod: &Pod) -> Result<()> {
    ip::batch(Some(node.name()), &link_script(pod)?)?;
    ip::batch(Some(pod.netns().name()), &pod_script(pod)?)
}

/// Deletes a pod's veth pair, and with it its addresses and routes.
pub(super) fn unplug(node: &Netns, pod: &Pod) -> Result<()> {
    ip::batch(Some(node.name()), &format!("link del {}\n", pod.interface()))
}

/// `/proc/sys/net` shows each thread the settings of its own namespace.
fn set(name: &str, value: &str) -> Result<()> {
    let file = format!("/proc/sys/net/{name}");
    fs::write(&file, value).with_context(|| format!("cannot set {file} to {value}"))
}

fn node_script() -> Result<String> {
    let mut script = String::from("link set lo up\n");
    for address in NODE_ADDRESSES.into_iter().filter(|address| address.is_ipv4() || has_ipv6()) {
        writeln!(script, "addr add {}", assignment(address, "lo"))?;
    }
    Ok(script)
}

fn link_script(pod: &Pod) -> Result<String> {
    let mut script = String::new();
    let (device, netns) = (pod.interface(), pod.netns().name());
    writeln!(script, "link add {device} type veth peer name eth0 netns {netns}")?;
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

fn pod_script(pod: &Pod) -> Result<String> {
    let mut script = String::from("link set lo up\nlink set eth0 up\n");
    for address in pod.addresses() {
        writeln!(script, "addr add {}", assignment(*address, "eth0"))?;
    }
    if pod.addresses().iter().any(IpAddr::is_ipv4) {
        writeln!(script, "route add {GATEWAY_IPV4} dev eth0 scope link")?;
        writeln!(script, "route add default via {GATEWAY_IPV4} dev eth0")?;
    }
    if pod.addresses().iter().any(IpAddr::is_ipv6) {
        writeln!(script, "route add default via {GATEWAY_IPV6} dev eth0")?;
    }
    Ok(script)
}

fn assignment(address: IpAddr, device: &str) -> String {
    match address {
        IpAddr::V4(_) => format!("{address}/32 dev {device}"),
        IpAddr::V6(_) => format!("{address}/128 dev {device} nodad"),
    }
}
