//! The node agent of `enforcer`, as a library. The data's way through it is the list of its modules:
//! `source` → `store` → `compile` → `plan` → `dataplane` ═► kernel ═► `flow`.

pub mod compile;
pub mod dataplane;
pub mod host;
pub mod model;
pub mod plan;
pub mod prefix;
pub mod store;
