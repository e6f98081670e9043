//! Why a list or a watch did not go on.

use std::time::Duration;

use thiserror::Error;

/// What the server, or the way to it, did.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum Fault {
    /// The version from which to watch is too old (410): list again.
    #[error("the version is gone")]
    Gone,
    /// The server cannot send a list as a stream.
    #[error("no streaming list: {0}")]
    NoStream(String),
    /// The server asks to be left alone for a time, by `Retry-After`.
    #[error("the server asks for {} s of patience: {message}", after.as_secs())]
    Throttled {
        /// For how long.
        after: Duration,
        /// Its words.
        message: String,
    },
    /// The server refuses.
    #[error("{code}: {message}")]
    Refused {
        /// The HTTP status.
        code: u16,
        /// Its words.
        message: String,
    },
    /// No connection, or one that broke.
    #[error("{0}")]
    Connection(String),
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs_f32())]
    Silent(Duration),
    /// An answer that is not of the API.
    #[error("an answer that is none: {0}")]
    Garbled(String),
    /// Nobody listens to this watch any more.
    #[error("the agent has ended")]
    Unheard,
}
