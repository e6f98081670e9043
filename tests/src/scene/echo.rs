//! Pings, by raw sockets: `ping` is not on every machine.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    os::fd::AsRawFd,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, socket};

use super::Scene;
use crate::{lab::Netns, oracle::Family, wire::Datagram};

/// How often and how long a ping is tried until silence counts.
const ATTEMPTS: u16 = 3;
const PATIENCE: Duration = Duration::from_millis(200);

/// Whether a pod's echo request to another pod is answered.
pub fn ping(scene: &Scene, from: &str, to: &str, family: Family) -> Result<bool> {
    echo(scene.netns(from)?, None, scene.at(to, family)?.ip(), 8)
}

/// Whether an echo request with so many bytes is answered by the same, to any or to this address.
pub fn echo(netns: &Netns, local: Option<IpAddr>, remote: IpAddr, size: usize) -> Result<bool> {
    netns.enter(|| attempt(local, remote, size))
}

fn attempt(local: Option<IpAddr>, remote: IpAddr, size: usize) -> Result<bool> {
    // Raw IPv4 sockets give the IP header too.
    let (domain, protocol, kinds, skip) = if remote.is_ipv4() {
        (AddressFamily::Inet, SockProtocol::Icmp, (8, 0), 20)
    } else {
        (AddressFamily::Inet6, SockProtocol::IcmpV6, (128, 129), 0)
    };
    let raw = socket(domain, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol).context("no raw socket")?;
    if let Some(local) = local {
        bind(raw.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(local, 0)))
            .with_context(|| format!("{local} is not here"))?;
    }
    // The standard library knows no raw sockets, but sends and receives on any.
    let socket = UdpSocket::from(raw);
    socket.connect(SocketAddr::new(remote, 0)).with_context(|| format!("no way to {remote}"))?;
    for identifier in 1..=ATTEMPTS {
        let [high, low] = identifier.to_be_bytes();
        let body = [&[high, low, 0, 1], &vec![0x5a; size][..]].concat();
        // Of IPv6 the kernel fills in the checksum; IPv4's does not cover the addresses.
        let message = Datagram::icmp(remote, remote, kinds.0, 0, &body).payload;
        socket.send(&message)?;
        let answer = [&[kinds.1, 0], &body[..]].concat();
        if answered(&socket, skip, &answer)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Waits for a message; its checksum is not looked at.
fn answered(socket: &UdpSocket, skip: usize, wanted: &[u8]) -> Result<bool> {
    let end = Instant::now() + PATIENCE;
    let mut buffer = vec![0; 0x1_0000];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        socket.set_read_timeout(Some(left))?;
        match socket.recv(&mut buffer) {
            Ok(length) => {
                let message = buffer.get(skip..length).unwrap_or_default();
                let (kind, body) = (message.get(..2), message.get(4..));
                if kind == wanted.get(..2) && body == wanted.get(2..) {
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
