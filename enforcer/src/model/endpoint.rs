//! A local pod's interface: where packets are judged.

use std::{collections::BTreeSet, net::IpAddr};

use ipnet::IpNet;

use super::{ObjectName, Pod};

/// The host side of a local pod's interface.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// Whose it is.
    pub pod: ObjectName,
    /// Which pod of this name, in the word of who knows the interface.
    pub identity: Identity,
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

/// Which of the pods that had one name, one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "agent", derive(serde::Serialize, serde::Deserialize))]
pub enum Identity {
    /// Whatever is known of the name. A list of endpoints says no more; without a pod of the name no policy selects the
    /// endpoint.
    #[default]
    Name,
    /// One that must be known, whichever it is: until it is, the endpoint is isolated wherever a policy of its namespace
    /// isolates anybody.
    Known,
    /// The one with this `metadata.uid`, under the same condition. The pods before and after it have other labels.
    Uid(String),
}

impl Endpoint {
    /// Whether it is this pod's, of all that had its name.
    #[must_use]
    pub fn is_of(&self, pod: &Pod) -> bool {
        self.pod == pod.name && self.identity.is_of(pod)
    }
}

impl Identity {
    /// Whether it is this pod's, which has the right name.
    #[must_use]
    pub fn is_of(&self, pod: &Pod) -> bool {
        match self {
            Self::Name | Self::Known => true,
            Self::Uid(uid) => *uid == pod.uid || pod.static_uid.as_ref() == Some(uid),
        }
    }
}
