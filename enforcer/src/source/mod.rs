//! Where the cluster's objects and this node's endpoints come from.
//!
//! `convert` turns Kubernetes' API types into our own, with the API server's validation, and knows
//! nothing of files; every source shares it. `manifest` reads a folder of YAML; `endpoints` finds
//! the local pods' interfaces. Nothing that is wrong stops the rest: it becomes a [`Problem`].

pub mod convert;
pub mod endpoints;
pub mod manifest;
mod problem;

pub use problem::{Effect, Problem, Severity};
