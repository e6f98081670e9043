//! Joins the stages: keeps the snapshot, plans, writes, attaches.

mod notices;
mod reconcile;
mod standalone;
mod withheld;

pub use reconcile::{Agent, AgentError, Failure};
pub use standalone::{Standalone, StandaloneError};
pub use withheld::Withheld;
