//! `Cluster` + this node's endpoints → [`RuleSets`]: what each endpoint's rules are, and what they make of every
//! address. Pure and deterministic; ids come later, in `plan`.
//!
//! Addresses are told apart by their [`Signature`]: which of the peers in use they match, what the named ports of
//! those rules are there, and what stands behind a virtual one. Pods are matched once for each pair of namespace and
//! labels, not once a pod.

mod backend;
mod block;
mod own_service;
mod owner;
mod peer;
mod port;
mod rule_set;
mod service;
mod signature;
mod virtual_address;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;

pub use backend::Target;
pub use own_service::VirtualPoints;
#[cfg(feature = "agent")]
pub(crate) use owner::claim;
pub use owner::{Owned, owners};
pub use peer::ResolvedPeer;
pub use port::ResolvedPorts;
pub use rule_set::{PolicySide, ResolvedRule, RuleSet};
use signature::NameUses;
pub use signature::Signature;
pub use virtual_address::{BackendsByPort, ServicePorts};

use crate::{
    model::{Endpoint, Identity, NamedPort, ObjectName, Protocol},
    store::Cluster,
};

/// What `compile` finds out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleSets {
    /// By interface index.
    pub endpoints: BTreeMap<u32, Subject>,
    /// The distinct peers of all rule sets; a [`Signature`] holds indices into them.
    pub peers: Vec<ResolvedPeer>,
    /// The distinct named ports of all egress rules; a [`Signature`] has numbers for indices into them.
    pub names: Vec<NamedPort>,
    /// Addresses whose signature is not that of the longest prefix which holds them.
    pub addresses: BTreeMap<IpAddr, Signature>,
    /// Every CIDR and exception in use. An address outside of all has the empty signature.
    pub prefixes: BTreeMap<IpNet, Signature>,
    /// What stands behind virtual addresses, each once.
    pub services: Vec<ServicePorts>,
    /// What somebody should know.
    pub diagnostics: Vec<Diagnostic>,
}

/// A local endpoint and its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Whose interface it is.
    pub pod: ObjectName,
    /// Which pod of this name.
    pub identity: Identity,
    /// Its own addresses.
    pub addresses: BTreeSet<IpAddr>,
    /// Prefixes whose every address counts as its own.
    pub prefixes: BTreeSet<IpNet>,
    /// Addresses are not checked at this endpoint.
    pub any_source: bool,
    /// Its addresses are leased by DHCP.
    pub dhcp: bool,
    /// Its rules; `None` when no policy selects the pod.
    pub rules: Option<RuleSet>,
}

/// Something about the input that changes what is enforced.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Diagnostic {
    /// An endpoint whose pod the source does not know: nobody knows its labels.
    #[error(
        "endpoint {interface}: no Pod {pod} is known{}",
        if *.is_closed { " by its UID; whatever policies of its namespace isolate is closed to it" } else { "; it is tracked, and no policy selects it" }
    )]
    UnknownPod {
        /// The interface's name.
        interface: String,
        /// The pod's name.
        pod: ObjectName,
        /// It is known to be a pod's, so that policies may select it.
        is_closed: bool,
    },
    /// Two Services claim one port of one address (the unspecified address: of every node).
    #[error(
        "{protocol} port {port} of {address} is claimed by Services {service} and {other}; it counts as {service}'s"
    )]
    SharedService {
        /// The virtual address.
        address: IpAddr,
        /// The port's protocol.
        protocol: Protocol,
        /// Its number.
        port: u16,
        /// Whose it counts as.
        service: ObjectName,
        /// Whose it does not.
        other: ObjectName,
    },
    /// A configured alias of a Service that is not known, or is but a name for something elsewhere.
    #[error(
        "{address} is configured as an alias of Service {service}, which is not there; it counts as a plain address"
    )]
    UnknownAlias {
        /// The address.
        address: IpAddr,
        /// The Service's name.
        service: ObjectName,
    },
    /// Two pods claim one address.
    #[error("address {address} is claimed by {owner} and {other}; it counts as {owner}'s")]
    SharedAddress {
        /// The address.
        address: IpAddr,
        /// Who counts as its owner.
        owner: ObjectName,
        /// Who does not.
        other: ObjectName,
    },
}

/// Compiles a cluster for the endpoints of this node.
#[must_use]
pub fn compile(cluster: &Cluster, endpoints: &[Endpoint]) -> RuleSets {
    compile_owned(cluster, endpoints, &owners(cluster, endpoints))
}

/// The same, by one who knows the [`owners`].
#[must_use]
pub fn compile_owned(cluster: &Cluster, endpoints: &[Endpoint], owned: &Owned<'_>) -> RuleSets {
    let (owners, shared) = owned;
    let mut diagnostics = shared.clone();
    let mut policies = rule_set::PoliciesByNamespace::new(cluster);
    let mut subjects = BTreeMap::new();
    for endpoint in endpoints {
        let rules = match cluster.pods.get(&endpoint.pod).filter(|pod| endpoint.identity.is_of(pod)) {
            None => {
                diagnostics.push(Diagnostic::UnknownPod {
                    interface: endpoint.interface.clone(),
                    pod: endpoint.pod.clone(),
                    is_closed: endpoint.identity != Identity::Name,
                });
                match endpoint.identity {
                    Identity::Name => None,
                    Identity::Known | Identity::Uid(_) => policies.strictest(&endpoint.pod.namespace),
                }
            }
            Some(pod) if !pod.host_network => policies.select(pod),
            Some(_) => None,
        };
        let subject = Subject {
            pod: endpoint.pod.clone(),
            identity: endpoint.identity.clone(),
            addresses: endpoint.addresses.clone(),
            prefixes: endpoint.prefixes.iter().map(IpNet::trunc).collect(),
            any_source: endpoint.any_source,
            dhcp: endpoint.dhcp,
            rules,
        };
        subjects.insert(endpoint.interface_index, subject);
    }
    let rules = rule_set::rules(subjects.values().filter_map(|subject| subject.rules.as_ref()));
    let peers = rule_set::peers(&rules);
    let names = rule_set::names(&rules);
    let uses = NameUses::new(&rules, &peers, &names);
    let prefixes = block::prefixes(&peers);
    let addresses = signature::addresses(cluster, owners, &peers, &uses, &prefixes);
    let (services, contested) = service::find(cluster, endpoints);
    diagnostics.extend(contested);
    diagnostics.sort();
    let mut compiled = RuleSets {
        endpoints: subjects,
        peers,
        names,
        addresses,
        prefixes,
        services: Vec::new(),
        diagnostics,
    };
    virtual_address::add(&mut compiled, &services);
    compiled
}
