//! Joins the stages: keeps the snapshot, plans, writes, attaches.

mod notices;
mod reconcile;
mod standalone;

pub use reconcile::{Agent, AgentError};
pub use standalone::{Standalone, StandaloneError};
