//! Policies and their parts.

use enforcer::model::{
    IpBlock, NamedPort, NamespaceScope, Peer, Policy, PortMatch, PortRange, Ports, Protocol, Rule, Selector,
};
use ipnet::IpNet;

use super::{everything, name};

/// A policy that selects every pod of its namespace and isolates nothing yet.
#[must_use]
pub fn policy(text: &str) -> PolicyBuilder {
    let policy = Policy { name: name(text), pod_selector: everything(), ingress: None, egress: None };
    PolicyBuilder { policy }
}

/// A policy in the making.
#[derive(Debug, Clone)]
pub struct PolicyBuilder {
    policy: Policy,
}

impl PolicyBuilder {
    /// `podSelector`
    #[must_use]
    pub fn select(mut self, selector: Selector) -> Self {
        self.policy.pod_selector = selector;
        self
    }

    /// Isolates ingress but for these rules.
    #[must_use]
    pub fn ingress(mut self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.policy.ingress = Some(rules.into_iter().collect());
        self
    }

    /// Isolates egress but for these rules.
    #[must_use]
    pub fn egress(mut self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.policy.egress = Some(rules.into_iter().collect());
        self
    }
}

impl From<PolicyBuilder> for Policy {
    fn from(builder: PolicyBuilder) -> Self {
        builder.policy
    }
}

/// A rule. No peers are all peers, and no ports all protocols, as in the API.
#[must_use]
pub fn rule(peers: impl IntoIterator<Item = Peer>, ports: impl IntoIterator<Item = PortMatch>) -> Rule {
    let peers: Vec<Peer> = peers.into_iter().collect();
    let ports: Vec<PortMatch> = ports.into_iter().collect();
    Rule {
        peers: if peers.is_empty() { None } else { Some(peers) },
        ports: if ports.is_empty() { Ports::Any } else { Ports::Listed(ports) },
    }
}

/// The rule that allows everything.
#[must_use]
pub fn any() -> Rule {
    rule([], [])
}

/// Pods of the policy's own namespace.
#[must_use]
pub fn pods(pods: Selector) -> Peer {
    Peer::Pods { namespaces: NamespaceScope::Own, pods }
}

/// Pods of other namespaces: `namespaceSelector` and `podSelector` in one peer.
#[must_use]
pub fn pods_in(namespaces: Selector, pods: Selector) -> Peer {
    Peer::Pods { namespaces: NamespaceScope::Matching(namespaces), pods }
}

/// `ipBlock`
#[must_use]
pub fn block<const N: usize>(cidr: &str, except: [&str; N]) -> Peer {
    Peer::IpBlock(IpBlock { cidr: net(cidr), except: except.map(net).into() })
}

/// One TCP port.
#[must_use]
pub fn tcp(port: u16) -> PortMatch {
    range(Protocol::Tcp, port, port)
}

/// One UDP port.
#[must_use]
pub fn udp(port: u16) -> PortMatch {
    range(Protocol::Udp, port, port)
}

/// One SCTP port.
#[must_use]
pub fn sctp(port: u16) -> PortMatch {
    range(Protocol::Sctp, port, port)
}

/// `port` and `endPort`
#[must_use]
pub fn range(protocol: Protocol, first: u16, last: u16) -> PortMatch {
    PortMatch::Range(PortRange { protocol, first, last })
}

/// A port by the name that its container gives it.
#[must_use]
pub fn named(protocol: Protocol, name: &str) -> PortMatch {
    PortMatch::Named(NamedPort { protocol, name: name.to_owned() })
}

/// A port entry without a port.
#[must_use]
pub fn whole_protocol(protocol: Protocol) -> PortMatch {
    range(protocol, 0, u16::MAX)
}

fn net(text: &str) -> IpNet {
    text.parse().expect("a CIDR")
}
