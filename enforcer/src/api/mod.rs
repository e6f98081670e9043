//! Objects of our own in the API: group `enforcer.dev`.
//!
//! Their schemas come from the Rust types, by `schemars` (which the `kube` crate's own derive builds on, too); what is
//! around them is the form of a CustomResourceDefinition of `apiextensions.k8s.io/v1`. `kube`'s derive wants a `spec`, and
//! what an agent says of its node has none.

mod definition;
mod node_status;

pub use definition::{Definition, definitions};
pub use node_status::{API_VERSION, EnforcerNodeStatus, NodeStatus, PodCounts, node_status_path};

/// The group of all of them.
pub const GROUP: &str = "enforcer.dev";
