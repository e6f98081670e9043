//! Random clusters, questions, packets and edits, as proptest strategies.
//!
//! The universe is small on purpose: three namespaces, three label keys, a dozen addresses, a
//! handful of ports. Wrong answers hide where things meet (a block that covers a pod, two rules on
//! one port, an address that two pods claim), and in a small universe they meet all the time.
//! Whatever depends on the cluster (the edge of one of its blocks, one of its pods) is generated as
//! an index and looked up afterwards, never by `prop_flat_map`, so that everything shrinks well.
//!
//! [`Census`] counts what was generated, since a construct that never comes proves nothing.
//!
//! Not generated yet, because nothing judges them yet: Services.

mod block;
mod case;
mod census;
mod choice;
mod cluster;
mod construct;
mod edit;
mod history;
mod label;
mod pod;
mod policy;
mod port;
mod remote;
mod subject;
mod traffic;
pub mod universe;

pub use block::ip_block;
pub use case::{Case, Probe, case};
pub use census::Census;
pub use cluster::cluster;
pub use construct::Construct;
pub use edit::{Edit, edit};
pub use history::{History, Step, history};
pub use label::{labels, selector};
pub use pod::pod;
pub use policy::{policy, rule};
pub use port::ports;

#[cfg(test)]
mod tests;
