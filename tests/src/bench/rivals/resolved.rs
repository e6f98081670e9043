//! The cluster's policies with their selectors resolved to IPv4 addresses: what every rival's own controller works out
//! before it writes rules, and so the one place from which all layouts start.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};

use anyhow::{Result, bail};
use enforcer::{
    model::{Direction, NamespaceScope, Peer, Policy, PortMatch, PortRange, Ports, Rule, Selector},
    store::Cluster,
};
use ipnet::{IpNet, Ipv4Net};

use crate::lab::Lab;

/// All that a layout is made from.
#[derive(Debug)]
pub(super) struct Resolved<'a> {
    /// The pods of this node.
    pub(super) pods: Vec<LocalPod>,
    /// All policies, by name.
    pub(super) policies: Vec<ResolvedPolicy<'a>>,
    /// The model, for layouts that look at labels themselves.
    pub(super) cluster: &'a Cluster,
}

/// A pod of this node.
#[derive(Debug)]
pub(super) struct LocalPod {
    pub(super) address: Ipv4Addr,
    /// The host side of its veth.
    pub(super) interface: String,
}

/// A policy.
#[derive(Debug)]
pub(super) struct ResolvedPolicy<'a> {
    pub(super) policy: &'a Policy,
    /// The addresses that it selects.
    pub(super) targets: BTreeSet<Ipv4Addr>,
    ingress: Option<Vec<ResolvedRule<'a>>>,
    egress: Option<Vec<ResolvedRule<'a>>>,
}

/// A rule.
#[derive(Debug)]
pub(super) struct ResolvedRule<'a> {
    /// `None` is everybody.
    pub(super) peers: Option<Vec<ResolvedPeer<'a>>>,
    /// `None` is every protocol.
    pub(super) ports: Option<Vec<PortRange>>,
}

/// A peer.
#[derive(Debug)]
pub(super) enum ResolvedPeer<'a> {
    /// By labels.
    Pods { namespaces: &'a NamespaceScope, pods: &'a Selector, addresses: BTreeSet<Ipv4Addr> },
    /// A block and its exceptions.
    Block { cidr: Ipv4Net, except: Vec<Ipv4Net> },
}

impl<'a> Resolved<'a> {
    /// Resolves a cluster on a lab's node.
    ///
    /// # Errors
    /// When a policy has a named port, which no layout here sets up.
    pub(super) fn new(cluster: &'a Cluster, lab: &Lab) -> Result<Self> {
        let mut pods = Vec::new();
        for pod in lab.pods().values() {
            let interface = pod.interface().to_owned();
            pods.extend(
                ipv4(pod.addresses()).map(|address| LocalPod { address, interface: interface.clone() }),
            );
        }
        let policies =
            cluster.policies.values().map(|policy| resolve(cluster, policy)).collect::<Result<_>>()?;
        Ok(Self { pods, policies, cluster })
    }

    /// The policies that isolate a pod in a direction, with their numbers.
    pub(super) fn isolating(
        &self,
        pod: &LocalPod,
        direction: Direction,
    ) -> impl Iterator<Item = (usize, &[ResolvedRule<'a>])> {
        let selecting =
            self.policies.iter().enumerate().filter(|(_, policy)| policy.targets.contains(&pod.address));
        selecting.filter_map(move |(number, policy)| Some((number, policy.rules(direction)?)))
    }

    /// The addresses of pods by `key: value` of a label, and by namespace.
    pub(super) fn by_label(&self) -> BTreeMap<(&'a str, &'a str), BTreeSet<Ipv4Addr>> {
        let mut sets: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for pod in self.cluster.pods.values() {
            for (key, value) in &pod.labels {
                sets.entry((key.as_str(), value.as_str())).or_default().extend(ipv4(&pod.addresses));
            }
        }
        sets
    }
}

impl<'a> ResolvedPolicy<'a> {
    /// The rules of a direction; `None` when the policy does not isolate it.
    pub(super) fn rules(&self, direction: Direction) -> Option<&[ResolvedRule<'a>]> {
        match direction {
            Direction::Ingress => self.ingress.as_deref(),
            Direction::Egress => self.egress.as_deref(),
        }
    }
}

/// The IPv4 addresses among these.
pub(super) fn ipv4(addresses: &BTreeSet<IpAddr>) -> impl Iterator<Item = Ipv4Addr> {
    addresses.iter().filter_map(|address| match address {
        IpAddr::V4(address) => Some(*address),
        IpAddr::V6(_) => None,
    })
}

fn resolve<'a>(cluster: &'a Cluster, policy: &'a Policy) -> Result<ResolvedPolicy<'a>> {
    let own = &policy.name.namespace;
    let rules = |rules: &'a Option<Vec<Rule>>| -> Result<Option<Vec<ResolvedRule<'a>>>> {
        let Some(rules) = rules else { return Ok(None) };
        rules.iter().map(|rule| resolve_rule(cluster, own, rule)).collect::<Result<_>>().map(Some)
    };
    Ok(ResolvedPolicy {
        policy,
        targets: selected(cluster, own, &NamespaceScope::Own, &policy.pod_selector),
        ingress: rules(&policy.ingress)?,
        egress: rules(&policy.egress)?,
    })
}

fn resolve_rule<'a>(cluster: &'a Cluster, own: &str, rule: &'a Rule) -> Result<ResolvedRule<'a>> {
    let peer = |peer: &'a Peer| match peer {
        Peer::Pods { namespaces, pods } => {
            let addresses = selected(cluster, own, namespaces, pods);
            Some(ResolvedPeer::Pods { namespaces, pods, addresses })
        }
        Peer::IpBlock(block) => {
            let except = block.except.iter().filter_map(net).collect();
            net(&block.cidr).map(|cidr| ResolvedPeer::Block { cidr, except })
        }
    };
    let ports = match &rule.ports {
        Ports::Any => None,
        Ports::Listed(ports) => Some(ports.iter().map(number).collect::<Result<_>>()?),
    };
    Ok(ResolvedRule {
        peers: rule.peers.as_ref().map(|peers| peers.iter().filter_map(peer).collect()),
        ports,
    })
}

fn number(port: &PortMatch) -> Result<PortRange> {
    match port {
        PortMatch::Range(range) => Ok(*range),
        PortMatch::Named(port) => {
            bail!("the port {:?} has a name, which no rival here is set up for", port.name)
        }
    }
}

fn net(net: &IpNet) -> Option<Ipv4Net> {
    match net {
        IpNet::V4(net) => Some(*net),
        IpNet::V6(_) => None,
    }
}

fn selected(cluster: &Cluster, own: &str, scope: &NamespaceScope, pods: &Selector) -> BTreeSet<Ipv4Addr> {
    let is_in_scope = |namespace: &str| match scope {
        NamespaceScope::Own => namespace == own,
        NamespaceScope::Matching(selector) => selector.matches(&cluster.namespace_labels(namespace)),
    };
    let chosen = cluster.pods.values().filter(|pod| {
        pod.is_on_pod_network() && is_in_scope(&pod.name.namespace) && pods.matches(&pod.labels)
    });
    chosen.flat_map(|pod| ipv4(&pod.addresses)).collect()
}
