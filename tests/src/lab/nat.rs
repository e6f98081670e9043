//! Address translation on the node, in the chains and the order in which kube-proxy makes it: a packet to a
//! Service is sent to a backend before it is routed; where the backend would otherwise answer past the node (a
//! pod that reaches itself, whoever comes through a NodePort), it leaves with the node's address.

use std::{
    fmt::Write as _,
    io::Write as _,
    net::{IpAddr, SocketAddr},
    process::Stdio,
};

use anyhow::{Context, Result, bail};

use super::{Netns, address::has_ipv6, inside};

/// A Service as the node sees it, in one family and for one port.
#[derive(Debug, Clone)]
pub struct Service {
    /// `tcp` or `udp`.
    pub protocol: &'static str,
    /// Its virtual address and port.
    pub at: SocketAddr,
    /// Also at this port of every address of the node.
    pub node_port: Option<u16>,
    /// Where it leads; spread evenly.
    pub backends: Vec<SocketAddr>,
}

/// Marks what leaves with the node's address.
const MASQUERADE: &str = "0x4000/0x4000";

pub(super) fn translate(node: &Netns, services: &[Service]) -> Result<()> {
    for (program, ipv4) in [("iptables-restore", true), ("ip6tables-restore", false)] {
        if ipv4 || has_ipv6() {
            let own: Vec<&Service> = services.iter().filter(|service| service.at.is_ipv4() == ipv4).collect();
            restore(node, program, &rules(&own)?)?;
        }
    }
    Ok(())
}

/// What is in no known state goes nowhere; what is to be masqueraded, and what is established, passes at once.
pub(super) fn filter_by_state(node: &Netns) -> Result<()> {
    let rules = format!(
        "*filter\n:STATES - [0:0]\n-A FORWARD -j STATES\n\
         -A STATES -m conntrack --ctstate INVALID -j DROP\n\
         -A STATES -m mark --mark {MASQUERADE} -j ACCEPT\n\
         -A STATES -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\nCOMMIT\n"
    );
    for (program, there) in [("iptables-restore", true), ("ip6tables-restore", has_ipv6())] {
        if there {
            restore(node, program, &rules)?;
        }
    }
    Ok(())
}

fn rules(services: &[&Service]) -> Result<String> {
    let mut chains = String::from("*nat\n:SERVICES - [0:0]\n:NODE-PORTS - [0:0]\n:TO-MASQUERADE - [0:0]\n");
    let mut rules = format!(
        "-A PREROUTING -j SERVICES\n-A OUTPUT -j SERVICES\n\
         -A TO-MASQUERADE -j MARK --set-xmark {MASQUERADE}\n\
         -A POSTROUTING -m mark --mark {MASQUERADE} -j MASQUERADE\n"
    );
    for (number, Service { protocol, at, node_port, backends }) in services.iter().enumerate() {
        let (address, port) = (at.ip(), at.port());
        writeln!(chains, ":SERVICE-{number} - [0:0]")?;
        writeln!(rules, "-A SERVICES -d {address} -p {protocol} --dport {port} -j SERVICE-{number}")?;
        if let Some(port) = node_port {
            writeln!(rules, "-A NODE-PORTS -p {protocol} --dport {port} -j TO-MASQUERADE")?;
            writeln!(rules, "-A NODE-PORTS -p {protocol} --dport {port} -j SERVICE-{number}")?;
        }
        for (index, backend) in backends.iter().enumerate() {
            writeln!(chains, ":BACKEND-{number}-{index} - [0:0]")?;
            let left = backends.len() - index;
            let turn = format!("-m statistic --mode nth --every {left} --packet 0");
            writeln!(rules, "-A SERVICE-{number} {turn} -j BACKEND-{number}-{index}")?;
            writeln!(rules, "-A BACKEND-{number}-{index} -s {} -j TO-MASQUERADE", backend.ip())?;
            let to = match backend.ip() {
                IpAddr::V4(address) => format!("{address}:{}", backend.port()),
                IpAddr::V6(address) => format!("[{address}]:{}", backend.port()),
            };
            writeln!(rules, "-A BACKEND-{number}-{index} -p {protocol} -j DNAT --to-destination {to}")?;
        }
    }
    // After the Services, as kube-proxy has it.
    writeln!(rules, "-A SERVICES -m addrtype --dst-type LOCAL -j NODE-PORTS")?;
    Ok([chains, rules, "COMMIT\n".to_owned()].concat())
}

fn restore(node: &Netns, program: &str, rules: &str) -> Result<()> {
    let mut child = inside(node.name(), program)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {program}; install it with: apt-get install iptables"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // As with `ip`: its exit code and stderr say more.
        stdin.write_all(rules.as_bytes()).ok();
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{program} failed: {}\nin\n{rules}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
