//! Joins the stages: keeps the snapshot, plans, writes, attaches.
//!
//! `reconcile` (a snapshot → the kernel) ← `run` (the state of a run) ← `standalone` or `cluster` (where objects come
//! from); `rounds` is what happens besides; `health` is how others ask.

mod adoption;
mod cluster;
pub mod health;
mod memory;
mod notices;
mod reconcile;
mod retry;
mod rounds;
mod run;
mod settings;
mod standalone;
mod withheld;

pub use cluster::{ClusterAgent, ClusterError, Cni};
pub use memory::{MemoryError, memory_of};
pub use reconcile::{Agent, AgentError, Failure};
pub use settings::{Pinning, RunError, Settings};
pub use standalone::Standalone;
pub use withheld::Withheld;
