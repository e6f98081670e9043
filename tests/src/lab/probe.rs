//! What is asked of a lab's network, and what it answers.

use std::{fmt, net::SocketAddr, time::Duration};

use enforcer::model::{ObjectName, Protocol};

/// Who tries to connect.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The node itself, as a kubelet does for its probes.
    Node,
    /// A pod.
    Pod(ObjectName),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node => f.write_str("(node)"),
            Self::Pod(name) => name.fmt(f),
        }
    }
}

/// One connection to try.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Probe {
    /// From where.
    pub from: Source,
    /// To which address and port.
    pub to: SocketAddr,
    /// TCP or UDP.
    pub protocol: Protocol,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The server answered with this first line, which names it.
    Connected(String),
    /// Silence; also when a connection opened but the server's line never came.
    TimedOut,
    /// A RST, or a port unreachable.
    Refused,
    /// Any other "unreachable" from the network, or a send that the kernel does not permit.
    Unreachable,
}

/// How long to wait for an answer before the silence counts.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// The first time.
    pub first: Duration,
    /// The second time, after a first silence: a busy machine must not look like a drop.
    pub second: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        // The second is beyond TCP's first retransmission, which comes after one second.
        Self { first: Duration::from_millis(400), second: Duration::from_millis(1300) }
    }
}
