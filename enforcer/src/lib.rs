//! The node agent of `enforcer`, as a library. The data's way through it is the list of its modules:
//! `source` → `store` → `compile` → `plan` → `dataplane` ═► kernel ═► `flow`.

pub mod model;
pub mod source;
pub mod store;
