//! The loads: from `client` to the measured port of `server`, through the node. A socket stays in the namespace in
//! which it was opened, so one thread can hold both ends: packets cross the node while it is in the system call that
//! sends them, no other thread is woken, and a round is of the path and not of the scheduler.

mod connections;
mod established;
mod stream;

use std::{net::SocketAddr, time::Duration};

use anyhow::Result;

use super::world::{MEASURED_PORT, address};
use crate::lab::{Lab, Netns};

/// Longer than anything takes that is not lost.
const PATIENCE: Duration = Duration::from_secs(5);

/// The ends of a load.
pub(super) struct Ends<'a> {
    client: &'a Netns,
    server: &'a Netns,
    to: SocketAddr,
}

impl<'a> Ends<'a> {
    /// In a lab.
    ///
    /// # Errors
    /// When a pod is missing.
    pub(super) fn of(lab: &'a Lab) -> Result<Self> {
        let netns = |name| lab.pod(&super::world::running(name)).map(crate::lab::Pod::netns);
        let to = (address(lab, "server")?, MEASURED_PORT).into();
        Ok(Self { client: netns("client")?, server: netns("server")?, to })
    }
}

/// What is measured of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// Connections opened, used for one request and closed.
    Connections,
    /// Packets of one established flow.
    Established,
    /// One stream of TCP. The kernel hands over segments of up to 64 kB, which hides the cost of a packet.
    Stream,
}

impl Load {
    pub(super) const ALL: [Self; 3] = [Self::Connections, Self::Established, Self::Stream];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Established => "established",
            Self::Stream => "throughput",
        }
    }

    pub(super) const fn unit(self) -> &'static str {
        match self {
            Self::Connections => "connections/s",
            Self::Established => "packets/s",
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
