//! Joins the stages: keeps the snapshot, plans, writes, attaches.
//!
//! `reconcile` (a snapshot → the kernel) ← `run` (the state of a run) ← `standalone` or `cluster` (where objects come
//! from); `rounds` is what happens besides; `health` is how others ask.

mod cluster;
pub mod health;
mod notices;
mod reconcile;
mod retry;
mod rounds;
mod run;
mod settings;
mod standalone;
mod withheld;

pub use cluster::{ClusterAgent, ClusterError, Cni};
pub use reconcile::{Agent, AgentError, Failure};
pub use settings::{RunError, Settings};
pub use standalone::Standalone;
pub use withheld::Withheld;
