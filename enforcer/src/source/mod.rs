//! Where the cluster's objects and this node's endpoints come from.
//!
//! `convert` turns Kubernetes' API types into our own, with the API server's validation, and knows
//! nothing of files; every source shares it. `kube` watches the API server; `manifest` reads a folder of YAML; `endpoints` finds
//! the local pods' interfaces; `service_alias` is what the administrator adds. Nothing that is wrong stops the rest: it becomes a [`Problem`].

pub mod convert;
pub mod endpoints;
pub mod kube;
pub mod manifest;
mod problem;
mod service_alias;

pub use problem::{Effect, Problem, Severity};
pub use service_alias::{AliasError, ServiceAlias, collect_aliases};
