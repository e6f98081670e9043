//! The CNI plugin in a node's configuration, and the agent's end of its socket.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test fails by panicking, and its functions speak for themselves"
)]

mod install;
mod keeper;
mod node;
mod server;
mod verbs;
