//! The sources, from files and interfaces to model types and problems.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test fails by panicking, and its functions speak for themselves"
)]

mod endpoints_file;
mod endpoints_namespaces;
mod folder;
mod last_good;
mod policy;
mod real_data;
mod refusal;
mod scratch;
mod watch;
mod workload;
