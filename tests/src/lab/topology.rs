//! How pods are joined to their node, and what a test may change about it.

use std::{fmt, path::Path};

/// How pods are joined to their node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Topology {
    /// Each by a veth of its own with host routes, as ptp and the clouds' CNIs do it.
    #[default]
    Routed,
    /// All on a bridge that has the gateway's address, as kubenet and the bridge plugin do it.
    Bridged {
        /// Whether bridged packets go through iptables (`bridge-nf-call-iptables` and its IPv6 twin).
        netfilter: bool,
    },
}

impl Topology {
    /// All that this kernel has: without `br_netfilter` bridged packets never go through iptables.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let has_netfilter = Path::new("/proc/sys/net/bridge").exists();
        let bridged = [false, true].into_iter().filter(|netfilter| !netfilter || has_netfilter);
        [Self::Routed].into_iter().chain(bridged.map(|netfilter| Self::Bridged { netfilter })).collect()
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Routed => f.write_str("routed"),
            Self::Bridged { netfilter } => {
                write!(f, "bridged, bridge-nf-call-iptables={}", u8::from(*netfilter))
            }
        }
    }
}
