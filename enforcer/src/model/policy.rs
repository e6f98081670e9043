//! `NetworkPolicy` of `networking.k8s.io/v1`, validated and with its defaults filled in.

use std::fmt;

use ipnet::IpNet;

use super::{ObjectName, Protocol, Selector};

/// The side of a pod that a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "agent", derive(serde::Serialize, serde::Deserialize))]
pub enum Direction {
    /// Towards the pod.
    Ingress,
    /// From the pod.
    Egress,
}

impl Direction {
    /// Both, in a fixed order.
    pub const ALL: [Self; 2] = [Self::Ingress, Self::Egress];
}

impl From<Direction> for enforcer_common::Direction {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Ingress => Self::Ingress,
            Direction::Egress => Self::Egress,
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        })
    }
}

/// One policy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "agent", derive(serde::Serialize, serde::Deserialize))]
pub struct Policy {
    /// Namespace and name.
    pub name: ObjectName,
    /// Which pods of the policy's own namespace it selects.
    pub pod_selector: Selector,
    /// `Some` when the policy isolates ingress (`policyTypes`, defaulted), with its rules.
    pub ingress: Option<Vec<Rule>>,
    /// `Some` when the policy isolates egress (`policyTypes`, defaulted), with its rules.
    pub egress: Option<Vec<Rule>>,
}

impl Policy {
    /// The rules of a direction; `None` when the policy does not isolate it.
    #[must_use]
    pub fn rules(&self, direction: Direction) -> Option<&[Rule]> {
        match direction {
            Direction::Ingress => self.ingress.as_deref(),
            Direction::Egress => self.egress.as_deref(),
        }
    }
}

/// One ingress or egress rule: it matches when a peer and a port match.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "agent", derive(serde::Serialize, serde::Deserialize))]
pub struct Rule {
    /// The remote sides; `None` (a missing or empty `from`/`to`) matches every address.
    pub peers: Option<Vec<Peer>>,
    /// The destination ports.
    pub ports: Ports,
}

/// The `ports` of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "agent", derive(serde::Serialize, serde::Deserialize))]
pub enum Ports {
    /// Missing or empty `ports`: every IP protocol and every port.
    Any,
    /// Only these; protocols without ports are not matched.
    Listed(Vec<PortMatch>),
}

/// One entry of `ports`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "agent", derive(serde::Serialize, serde::Deserialize))]
pub enum PortMatch {
    /// Numbers.
    Range(PortRange),
    /// The number is whatever the pod that is the destination calls by this name.
    Named(NamedPort),
}

/// Destination ports by number, with `endPort` folded in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "agent", derive(serde::Serialize, serde::Deserialize))]
pub struct PortRange {
    /// The protocol; the API's default is TCP.
    pub protocol: Protocol,
    /// First destination port, 0 when the entry names no port.
    pub first: u16,
    /// Last destination port, inclusive; 65535 when the entry names no port.
    pub last: u16,
}

/// A destination port by the name that containers give it. One pod's number differs from another's, and a
/// container port of the same name and another protocol is another port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "agent", derive(serde::Serialize, serde::Deserialize))]
pub struct NamedPort {
    /// The protocol; the API's default is TCP.
    pub protocol: Protocol,
    /// `ports[].name` of a container.
    pub name: String,
}

/// One peer of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "agent", derive(serde::Serialize, serde::Deserialize))]
pub enum Peer {
    /// Pods by label. Host-network and finished pods are never peers.
    Pods {
        /// In which namespaces.
        namespaces: NamespaceScope,
        /// Which pods of those; a missing `podSelector` is the empty selector: all.
        pods: Selector,
    },
    /// Addresses, whoever owns them.
    IpBlock(IpBlock),
}

/// The namespaces in which a peer's pods are looked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "agent", derive(serde::Serialize, serde::Deserialize))]
pub enum NamespaceScope {
    /// No `namespaceSelector`: the policy's own namespace.
    Own,
    /// `namespaceSelector`; the empty selector is every namespace.
    Matching(Selector),
}

/// `ipBlock`: a CIDR less its exceptions. All are canonical (no host bits).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "agent", derive(serde::Serialize, serde::Deserialize))]
pub struct IpBlock {
    /// The block.
    pub cidr: IpNet,
    /// Cut out of this block only; each lies strictly inside it.
    pub except: Vec<IpNet>,
}
