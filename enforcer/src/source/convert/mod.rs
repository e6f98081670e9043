//! From `k8s_openapi` types to [`crate::model`], with the API server's validation and defaults.
//!
//! Pure: no files, no clock. A converter notes everything that is wrong in [`Findings`], each with its field,
//! and gives `None` when the object must be refused. The rules are those of the
//! Kubernetes API reference and of its server's validation; where we refuse more, the [`Fault`] says so.

mod address;
mod fault;
mod field;
mod findings;
mod meta;
mod name;
mod namespace;
mod peer;
mod pod;
mod policy;
mod port;
mod selector;
mod service;
mod upkeep;
mod workload;

pub use fault::Fault;
pub use field::{Field, Segment};
pub use findings::{Finding, Findings};
pub(super) use name::{is_dns_label, is_dns_subdomain};
pub use namespace::{convert_namespace, imply_namespace};
pub use pod::convert_pod;
pub use policy::convert_policy;
pub use service::convert_service;
pub use workload::{
    Workload, convert_daemon_set, convert_deployment, convert_job, convert_replica_set, convert_stateful_set,
};
