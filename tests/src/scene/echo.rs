//! Pings, by raw sockets: `ping` is not on every machine.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use enforcer::model::Direction;
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

use super::Scene;
use crate::{
    frame::{self, Packet, Transport},
    lab::Pod,
    oracle::Family,
};

/// How often and how long a ping is tried until silence counts.
const ATTEMPTS: u32 = 3;
const PATIENCE: Duration = Duration::from_millis(200);

/// Whether a pod's echo request to another pod is answered.
pub fn ping(scene: &Scene, from: &str, to: &str, family: Family) -> Result<bool> {
    let [local, remote] = [from, to].map(|name| scene.at(name, family).map(|at| at.ip()));
    let (local, remote) = (local?, remote?);
    let pod: &Pod = scene.lab.pod(&super::pod(from))?;
    pod.netns().enter(|| attempt(local, remote))
}

fn attempt(local: IpAddr, remote: IpAddr) -> Result<bool> {
    let (domain, protocol, kinds, skip) = if local.is_ipv4() {
        (AddressFamily::Inet, SockProtocol::Icmp, (8, 0), 20)
    } else {
        (AddressFamily::Inet6, SockProtocol::IcmpV6, (128, 129), 40)
    };
    let raw = socket(domain, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol).context("no raw socket")?;
    // The standard library knows no raw sockets, but sends and receives on any.
    let socket = UdpSocket::from(raw);
    socket.connect(SocketAddr::new(remote, 0)).with_context(|| format!("no way to {remote}"))?;
    for identifier in 1..=u16::try_from(ATTEMPTS)? {
        let transport = Transport::Icmp { kind: kinds.0, code: 0, identifier };
        let packet = frame::ip(&Packet { direction: Direction::Egress, local, remote, transport });
        socket.send(packet.get(skip..).unwrap_or_default())?;
        if answered(&socket, local.is_ipv4(), kinds.1, identifier)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn answered(socket: &UdpSocket, has_header: bool, kind: u8, identifier: u16) -> Result<bool> {
    let end = Instant::now() + PATIENCE;
    let [high, low] = identifier.to_be_bytes();
    let mut buffer = [0; 256];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        socket.set_read_timeout(Some(left))?;
        match socket.recv(&mut buffer) {
            Ok(length) => {
                // Raw IPv4 sockets give the IP header too.
                let message = buffer.get(if has_header { 20 } else { 0 }..length).unwrap_or_default();
                if matches!(message, [k, 0, _, _, h, l, ..] if (*k, *h, *l) == (kind, high, low)) {
                    return Ok(true);
                }
            }
            Err(error)
                if [std::io::ErrorKind::WouldBlock, std::io::ErrorKind::TimedOut].contains(&error.kind()) => {
            }
            Err(error) => bail!("receiving: {error}"),
        }
    }
}
