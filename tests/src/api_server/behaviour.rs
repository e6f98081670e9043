//! What a server does that is not at its best.

use std::time::Duration;

/// How it behaves.
#[derive(Debug, Clone, Default)]
pub struct Behaviour {
    /// Closes every connection before it answers.
    pub down: bool,
    /// What it makes of streaming lists.
    pub streams: Streams,
    /// How it says that a version is too old.
    pub gone: Gone,
    /// This many requests more get 429, with `Retry-After` in seconds.
    pub throttle: Option<(u32, u64)>,
    /// Refuses every request for this path, with this status and message.
    pub refuse: Option<(String, u16, String)>,
    /// Watches of this path tell nothing for now.
    pub mute: Option<String>,
    /// Waits so long before it answers.
    pub delay: Duration,
    /// Takes requests and never answers.
    pub silent: bool,
    /// Ends every watch at once.
    pub hasty: bool,
    /// Objects of one page, if it gives fewer than are asked for.
    pub page: Option<usize>,
}

/// What a server makes of streaming lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Streams {
    /// It sends them (Kubernetes 1.32 and later).
    #[default]
    Sent,
    /// It refuses them, as one before, without the feature gate.
    Refused,
    /// It takes them for good, but its storage cannot do it: an etcd before 3.4.25.
    Unstored,
    /// It does not know the option and passes over it: a watch from now on.
    PassedOver,
}

/// How a server says that a version is too old.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Gone {
    /// By an event, on a watch that it has opened.
    #[default]
    Event,
    /// By the status of its answer.
    Status,
}
