//! The node agent of `enforcer`, as a library. The data's way through it is the list of its modules:
//! `source` → `store` → `compile` → `plan` → `dataplane` ═► kernel ═► `flow`.

pub mod agent;
pub mod cli;
pub mod compile;
pub mod dataplane;
pub mod flow;
pub mod host;
pub mod model;
mod netlink;
mod netns;
pub mod plan;
pub mod prefix;
pub mod seed;
pub mod source;
pub mod store;
pub mod tuple;
