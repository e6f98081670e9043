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

/// Owners by address, and the addresses that several claim.
pub type Owned<'a> = (BTreeMap<IpAddr, &'a Pod>, Vec<Diagnostic>);

/// Who owns which address (DESIGN 3.2): for local pods the CNI's word; else not-terminating before
/// terminating, then the later start, then the UID, then the name.
#[must_use]
pub fn owners<'a>(cluster: &'a Cluster, endpoints: &[Endpoint]) -> Owned<'a> {
    let mut shared = Vec::new();
    // A pod may have several interfaces; its addresses are those of all of them.
    let mut local: BTreeMap<&ObjectName, BTreeSet<IpAddr>> = BTreeMap::new();
    // One that had the name before has its interface and its addresses no more, as far as others go.
    let is_its =
        |endpoint: &&Endpoint| cluster.pods.get(&endpoint.pod).is_some_and(|pod| endpoint.is_of(pod));
    for endpoint in endpoints.iter().filter(is_its) {
        local.entry(&endpoint.pod).or_default().extend(&endpoint.addresses);
    }
    let mut owners: BTreeMap<IpAddr, &Pod> = BTreeMap::new();
    // Both are in the order of names, and few pods are local.
    let mut next = local.iter().peekable();
    for pod in cluster.pods.values().filter(|pod| pod.is_on_pod_network()) {
        while next.next_if(|(name, _)| **name < &pod.name).is_some() {}
        let own = next.peek().filter(|(name, _)| **name == &pod.name).map(|(_, addresses)| *addresses);
        for address in own.unwrap_or(&pod.addresses) {
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
pub(crate) fn claim(
    pod: &Pod,
    local: bool,
) -> (bool, bool, Option<i64>, Reverse<&str>, Reverse<&ObjectName>) {
    (local, pod.state == PodState::Live, pod.started, Reverse(&pod.uid), Reverse(&pod.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_owns_the_addresses_of_all_its_interfaces() {
        let name = ObjectName::new("shop", "cart-0");
        let pod = Pod { name: name.clone(), ..Pod::default() };
        let mut cluster = Cluster::default();
        cluster.pods.insert(name.clone(), pod);
        let addresses: [IpAddr; 2] = [[10, 0, 0, 1].into(), [10, 0, 9, 1].into()];
        let endpoints: Vec<Endpoint> = (1..)
            .zip(addresses)
            .map(|(interface_index, address)| Endpoint {
                pod: name.clone(),
                interface_index,
                addresses: [address].into(),
                ..Endpoint::default()
            })
            .collect();
        let (owners, shared) = owners(&cluster, &endpoints);
        let owned: Vec<_> = owners.into_iter().map(|(address, pod)| (address, &pod.name)).collect();
        assert_eq!(owned, addresses.map(|address| (address, &name)));
        assert_eq!(shared, []);
    }
}
