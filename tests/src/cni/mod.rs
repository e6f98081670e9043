//! Pods whose interfaces the reference CNI plugins make, with `enforcer-cni` chained after them: called as a container
//! runtime calls them, in the network namespaces of a lab.

mod enforcer;
mod live;
mod node;
mod runtime;

pub use enforcer::Enforcer;
pub use live::Live;
pub use node::{CniNode, Main};
pub use runtime::{Container, Failure, Runtime, Said};
