//! Who owns an address.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::Diagnostic;
use crate::{
    model::{Endpoint, ObjectName, Pod, PodState},
    store::Cluster,
};

/// Who owns which address (DESIGN 3.2): for local pods the CNI's word; else not-terminating before
/// terminating, then the later start, then the UID, then the name.
#[must_use]
pub fn owners<'a>(
    cluster: &'a Cluster,
    endpoints: &[Endpoint],
) -> (BTreeMap<IpAddr, &'a Pod>, Vec<Diagnostic>) {
    let mut shared = Vec::new();
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
            shared.push(Diagnostic::SharedAddress {
                address: *address,
                owner: owner.name.clone(),
                other: other.name.clone(),
            });
        }
    }
    (owners, shared)
}

/// The strength of a pod's claim to an address. Of two UIDs the smaller wins: any fixed order will do.
fn claim(pod: &Pod, local: bool) -> (bool, bool, Option<i64>, Reverse<&str>, Reverse<&ObjectName>) {
    (local, pod.state == PodState::Live, pod.started, Reverse(&pod.uid), Reverse(&pod.name))
}
