//! A local pod's interface: where packets are judged.

use std::{collections::BTreeSet, net::IpAddr};

use super::ObjectName;

/// The host side of a local pod's interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// Whose it is.
    pub pod: ObjectName,
    /// Kernel index of the host-side interface, in the agent's network namespace.
    pub interface_index: u32,
    /// Its name, for people.
    pub interface: String,
    /// The pod's own addresses, in the CNI's word; for local pods it counts before the API's.
    pub addresses: BTreeSet<IpAddr>,
}
