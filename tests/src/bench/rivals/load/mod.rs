//! The loads: from `client` to the measured port of `server`, through the node. A socket stays in the namespace in
//! which it was opened, so one thread can hold both ends: packets cross the node while it is in the system call that
//! sends them, no other thread is woken, and a round is of the path and not of the scheduler.

mod connections;
mod established;
mod first;
mod stream;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::AtomicU32,
    time::Duration,
};

use anyhow::{Context as _, Result};

use super::world::{MEASURED_PORT, address, running};
use crate::{
    lab::{Lab, Netns},
    wire::mac,
};

/// Longer than anything takes that is not lost.
const PATIENCE: Duration = Duration::from_secs(5);

/// The ends of a load.
pub(super) struct Ends<'a> {
    client: &'a Netns,
    server: &'a Netns,
    from: Ipv4Addr,
    to: SocketAddr,
    /// The hardware address of the client's gateway.
    gateway: [u8; 6],
    fresh: &'a AtomicU32,
}

impl<'a> Ends<'a> {
    /// In a lab.
    ///
    /// # Errors
    /// When a pod is missing.
    pub(super) fn of(lab: &'a Lab, fresh: &'a AtomicU32) -> Result<Self> {
        let netns = |name| lab.pod(&running(name)).map(crate::lab::Pod::netns);
        let to = (address(lab, "server")?, MEASURED_PORT).into();
        let gateway = mac(lab.node(), lab.pod(&running("client"))?.interface())?;
        let (client, server, from) = (netns("client")?, netns("server")?, address(lab, "client")?);
        Ok(Self { client, server, from, to, gateway, fresh })
    }
}

/// What is measured of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// Connections opened, used for one request and closed.
    Connections,
    /// Packets that each open a flow.
    First,
    /// Packets of one established flow.
    Established,
    /// One stream of TCP. The kernel hands over segments of up to 64 kB, which hides the cost of a packet.
    Stream,
}

impl Load {
    pub(super) const ALL: [Self; 4] = [Self::Connections, Self::First, Self::Established, Self::Stream];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::First => "first",
            Self::Established => "established",
            Self::Stream => "throughput",
        }
    }

    pub(super) const fn unit(self) -> &'static str {
        match self {
            Self::Connections => "connections/s",
            Self::First | Self::Established => "packets/s",
            Self::Stream => "MB/s",
        }
    }

    /// Runs it for this long. Returns how much went through per second, in its unit.
    ///
    /// # Errors
    /// When something does not arrive.
    pub(super) fn run(self, ends: &Ends<'_>, time: Duration) -> Result<f64> {
        match self {
            Self::Connections => connections::run(ends, time),
            Self::First => first::run(ends),
            Self::Established => established::run(ends, time),
            Self::Stream => stream::run(ends, time),
        }
    }
}

/// How many a second.
fn rate(number: u64, took: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "numbers of packets and bytes of a second")]
    let number = number as f64;
    number / took.as_secs_f64()
}

/// Packets that a pod's interface has received.
fn received(netns: &Netns) -> Result<u64> {
    netns.enter(|| {
        // The thread's own: `/proc/net` is that of the process.
        let text = fs::read_to_string("/proc/thread-self/net/dev")?;
        let line = text.lines().find_map(|line| line.trim().strip_prefix("eth0:"));
        let packets = line.and_then(|line| line.split_whitespace().nth(1)).context("there is no eth0")?;
        Ok(packets.parse()?)
    })
}
