//! The node agent of `enforcer`, as a library. The data's way through it is the list of its modules:
//! `source` → `store` → `compile` → `plan` → `dataplane` ═► kernel ═► `flow`.

#[cfg(feature = "agent")]
pub mod agent;
#[cfg(feature = "agent")]
pub mod api;
#[cfg(feature = "agent")]
pub mod cli;
#[cfg(feature = "cni")]
pub mod cni;
pub mod compile;
#[cfg(feature = "agent")]
pub mod dataplane;
#[cfg(feature = "agent")]
pub mod flow;
pub mod host;
pub mod model;
#[cfg(feature = "cni")]
mod netlink;
#[cfg(feature = "cni")]
mod netns;
#[cfg(feature = "cni")]
pub mod peer;
pub mod plan;
pub mod prefix;
pub mod quantity;
#[cfg(feature = "cni")]
mod rtnetlink;
#[cfg(feature = "agent")]
pub mod seed;
#[cfg(feature = "agent")]
pub mod source;
pub mod store;
pub mod tuple;
