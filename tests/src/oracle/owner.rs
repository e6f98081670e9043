//! Whose an address is.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use enforcer::{
    model::{Endpoint, ObjectName, Pod, PodState},
    store::Cluster,
};

/// "Finished pods (Succeeded, Failed) own no address; terminating pods still do. Host-network pods
/// are neither subjects nor peers by selector" (3.2).
pub(super) fn is_on_pod_network(pod: &Pod) -> bool {
    match pod.state {
        PodState::Live | PodState::Terminating => !pod.host_network,
        PodState::Finished => false,
    }
}

/// The pod on the pod network that has this address.
#[must_use]
pub fn owner(cluster: &Cluster, address: IpAddr) -> Option<&Pod> {
    let mut best: Option<&Pod> = None;
    for pod in cluster.pods.values() {
        if !is_on_pod_network(pod) || !pod.addresses.contains(&address) {
            continue;
        }
        best = match best {
            Some(other) if !precedes(pod, other) => Some(other),
            Some(_) | None => Some(pod),
        };
    }
    best
}

/// "Two pods that claim one address: for local pods the CNI's word decides [`with_endpoints`]; else
/// not-terminating before terminating, then the later start, then UID" (3.2). A pod that has not
/// said when it started comes after those that have. Of two UIDs the smaller one wins, and where
/// manifests give none, the smaller name: any fixed order will do.
fn precedes(pod: &Pod, other: &Pod) -> bool {
    let terminating = |pod: &Pod| pod.state == PodState::Terminating;
    if terminating(pod) != terminating(other) {
        return !terminating(pod);
    }
    if pod.started != other.started {
        return match (pod.started, other.started) {
            (Some(mine), Some(theirs)) => mine > theirs,
            (mine, _) => mine.is_some(),
        };
    }
    if pod.uid != other.uid {
        return pod.uid < other.uid;
    }
    pod.name < other.name
}

/// The cluster with the CNI's word put before the API's: local pods have the addresses of their
/// endpoints, and nobody else has those.
///
/// The endpoint of a pod that is finished, on the host network or not known claims nothing.
#[must_use]
pub fn with_endpoints(cluster: &Cluster, endpoints: &[Endpoint]) -> Cluster {
    let mut local: BTreeMap<&ObjectName, BTreeSet<IpAddr>> = BTreeMap::new();
    for endpoint in endpoints {
        if cluster.pods.get(&endpoint.pod).is_some_and(is_on_pod_network) {
            local.entry(&endpoint.pod).or_default().extend(&endpoint.addresses);
        }
    }
    let taken: BTreeSet<IpAddr> = local.values().flatten().copied().collect();

    let mut result = cluster.clone();
    for (name, pod) in &mut result.pods {
        match local.get(name) {
            Some(addresses) => pod.addresses.clone_from(addresses),
            None if is_on_pod_network(pod) => pod.addresses.retain(|address| !taken.contains(address)),
            None => {}
        }
    }
    result
}
