//! A local pod's interface: where packets are judged.

use std::{collections::BTreeSet, net::IpAddr};

use ipnet::IpNet;

use super::ObjectName;

/// The host side of a local pod's interface.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// Whose it is.
    pub pod: ObjectName,
    /// Kernel index of the host-side interface, in the agent's network namespace.
    pub interface_index: u32,
    /// Its name, for people.
    pub interface: String,
    /// The pod's own addresses, in the CNI's word; for local pods it counts before the API's.
    pub addresses: BTreeSet<IpAddr>,
    /// Prefixes whose every address is the pod's own: SLAAC, a delegated subnet. No peer is known by them.
    pub prefixes: BTreeSet<IpNet>,
    /// The pod may send from, and be sent to, addresses that are not its own: it routes for others.
    pub any_source: bool,
    /// The pod's addresses are leased by DHCP: its client may talk to servers.
    pub dhcp: bool,
}
