//! `Cluster` + this node's endpoints → [`RuleSets`]: what each endpoint's rules are, and what they make of every
//! address. Pure and deterministic; ids come later, in `plan`.
//!
//! Addresses are told apart by their [`Signature`]: which of the peers in use they match. Pods are matched
//! once for each pair of namespace and labels, not once a pod.

mod block;
mod peer;
mod rule_set;
mod signature;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;

pub use peer::ResolvedPeer;
pub use rule_set::{PolicySide, ResolvedRule, RuleSet};
pub use signature::Signature;

use crate::{
    model::{Endpoint, ObjectName, Pod, PodState},
    store::Cluster,
};

/// What `compile` finds out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleSets {
    /// By interface index.
    pub endpoints: BTreeMap<u32, Subject>,
    /// The distinct peers of all rule sets; a [`Signature`] holds indices into them.
    pub peers: Vec<ResolvedPeer>,
    /// Addresses whose signature is not that of the longest prefix which holds them.
    pub addresses: BTreeMap<IpAddr, Signature>,
    /// Every CIDR and exception in use. An address outside of all has the empty signature.
    pub prefixes: BTreeMap<IpNet, Signature>,
    /// What somebody should know.
    pub diagnostics: Vec<Diagnostic>,
}

/// A local endpoint and its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Whose interface it is.
    pub pod: ObjectName,
    /// Its own addresses.
    pub addresses: BTreeSet<IpAddr>,
    /// Its rules; `None` when no policy selects the pod.
    pub rules: Option<RuleSet>,
}

/// Something about the input that changes what is enforced.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Diagnostic {
    /// An endpoint whose pod the source does not know: it has no labels, so no policy selects it.
    #[error("endpoint {interface}: no Pod {pod} is known; it is tracked, and no policy selects it")]
    UnknownPod {
        /// The interface's name.
        interface: String,
        /// The pod's name.
        pod: ObjectName,
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
    let mut diagnostics = Vec::new();
    let sides = rule_set::sides(cluster);
    let mut subjects = BTreeMap::new();
    for endpoint in endpoints {
        let rules = match cluster.pods.get(&endpoint.pod) {
            None => {
                diagnostics.push(Diagnostic::UnknownPod {
                    interface: endpoint.interface.clone(),
                    pod: endpoint.pod.clone(),
                });
                None
            }
            Some(pod) if !pod.host_network => rule_set::select(&sides, pod),
            Some(_) => None,
        };
        let subject = Subject { pod: endpoint.pod.clone(), addresses: endpoint.addresses.clone(), rules };
        subjects.insert(endpoint.interface_index, subject);
    }
    let peers = rule_set::peers(subjects.values().filter_map(|subject| subject.rules.as_ref()));
    let prefixes = block::prefixes(&peers);
    let owners = owners(cluster, endpoints, &mut diagnostics);
    let addresses = signature::addresses(cluster, &owners, &peers, &prefixes);
    diagnostics.sort();
    RuleSets { endpoints: subjects, peers, addresses, prefixes, diagnostics }
}

/// Who owns which address (DESIGN 3.2): for local pods the CNI's word; else not-terminating before
/// terminating, then the later start, then the UID, then the name.
fn owners<'a>(
    cluster: &'a Cluster,
    endpoints: &[Endpoint],
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<IpAddr, &'a Pod> {
    let local: BTreeMap<&ObjectName, &BTreeSet<IpAddr>> =
        endpoints.iter().map(|endpoint| (&endpoint.pod, &endpoint.addresses)).collect();
    let mut owners: BTreeMap<IpAddr, &Pod> = BTreeMap::new();
    for pod in cluster.pods.values().filter(|pod| pod.is_on_pod_network()) {
        let addresses = local.get(&pod.name).copied().unwrap_or(&pod.addresses);
        for address in addresses {
            let Some(other) = owners.get(address).copied() else {
                owners.insert(*address, pod);
                continue;
            };
            let pod_wins =
                claim(pod, local.contains_key(&pod.name)) > claim(other, local.contains_key(&other.name));
            let (owner, other) = if pod_wins { (pod, other) } else { (other, pod) };
            owners.insert(*address, owner);
            diagnostics.push(Diagnostic::SharedAddress {
                address: *address,
                owner: owner.name.clone(),
                other: other.name.clone(),
            });
        }
    }
    owners
}

/// The strength of a pod's claim to an address.
fn claim(pod: &Pod, local: bool) -> (bool, bool, Option<i64>, &str, &ObjectName) {
    (local, pod.state == PodState::Live, pod.started, &pod.uid, &pod.name)
}
