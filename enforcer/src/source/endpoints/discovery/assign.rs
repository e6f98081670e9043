//! Which interface is which pod's: see the witnesses in the parent module.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::{
    Cause, EndpointProblem, Found,
    scan::{Namespace, Scan},
};
use crate::{
    cni::protocol::{Attachment, HostSide},
    compile::claim,
    model::{Endpoint, Identity, ObjectName, Pod},
    peer::Interface,
};

/// The interface that CNI plugins make in a pod, by convention.
const POD_INTERFACE: &str = "eth0";

/// A pod's interface whose other end is on the host.
#[derive(Clone, Copy)]
struct Pair<'a> {
    index: u32,
    inside: &'a Interface,
    namespace: &'a Namespace,
}

/// Gives interfaces to pods.
pub(super) fn assign(scan: &Scan, pods: &[&Pod], told: &[Attachment]) -> Found {
    let pairs = scan.namespaces.iter().flat_map(|namespace| {
        let ends = namespace.interfaces.iter();
        ends.filter_map(move |inside| Some(Pair { index: inside.host.clone().ok()?, inside, namespace }))
    });
    let free =
        pairs.filter(|pair| scan.host.contains_key(&pair.index)).map(|pair| (pair.index, pair)).collect();
    let mut assignment = Assignment { scan, free, found: Found::default() };
    assignment.by_word(told);
    assignment.by_uid(pods);
    let mut owners: BTreeMap<IpAddr, &Pod> = BTreeMap::new();
    for pod in pods.iter().copied().filter(|pod| pod.is_on_pod_network()) {
        for address in &pod.addresses {
            let stronger = |other: &&Pod| claim(other, true) >= claim(pod, true);
            if !owners.get(address).is_some_and(stronger) {
                owners.insert(*address, pod);
            }
        }
    }
    assignment.by_address(&owners);
    assignment.explain(pods, &owners);
    let mut found = assignment.found;
    found.unseen.clone_from(&scan.unseen);
    found.endpoints.sort();
    found.problems.sort();
    found
}

struct Assignment<'a> {
    scan: &'a Scan,
    /// Pairs that are no pod's yet.
    free: BTreeMap<u32, Pair<'a>>,
    found: Found,
}

impl Assignment<'_> {
    fn give(&mut self, index: u32, pod: &ObjectName, identity: Identity, addresses: BTreeSet<IpAddr>) {
        let interface = self.scan.host.get(&index).cloned().unwrap_or_default();
        if let Some(pair) = self.free.remove(&index) {
            self.found.namespaces.insert(index, pair.namespace.path.clone());
        }
        self.found.endpoints.push(Endpoint {
            pod: pod.clone(),
            identity,
            interface_index: index,
            interface,
            addresses,
            ..Endpoint::default()
        });
    }

    /// What the plugin told, the newest first: of two words on one interface the later one counts.
    fn by_word(&mut self, told: &[Attachment]) {
        let mut spoken = BTreeSet::new();
        for attachment in told.iter().rev() {
            let pod = ObjectName::new(&attachment.pod.namespace, &attachment.pod.name);
            let fits = match &attachment.host {
                HostSide::Interface { index, .. } => self.fits(attachment, *index) && spoken.insert(*index),
                HostSide::None { .. } => {
                    self.scan.namespaces.iter().any(|seen| seen.inode == attachment.netns.inode)
                }
            };
            match &attachment.host {
                _ if !fits => self.found.stale.push(attachment.id.clone()),
                HostSide::Interface { index, .. } => {
                    self.give(*index, &pod, attachment.pod.identity(), attachment.addresses.clone());
                }
                HostSide::None { cause } => {
                    self.found.problems.push(EndpointProblem { pod, cause: Cause::Told(cause.clone()) });
                }
            }
        }
    }

    /// Whether an interface is still the one that was told of: the kernel gives an index once, so it is while it is there.
    /// What its inside shows (names, addresses, and, for who may move it, the namespace) is the pod's own to change, and proves
    /// nothing against that, but for one thing: the processes of another pod.
    fn fits(&self, attachment: &Attachment, index: u32) -> bool {
        self.scan.host.contains_key(&index)
            && self.free.get(&index).is_none_or(|pair| {
                pair.namespace.inode == attachment.netns.inode
                    || pair.namespace.pod_uid.is_none()
                    || pair.namespace.pod_uid == attachment.pod.uid
            })
    }

    fn by_uid(&mut self, pods: &[&Pod]) {
        for pod in pods.iter().copied().filter(|pod| pod.is_on_pod_network() && !pod.uid.is_empty()) {
            let is_own = |pair: &Pair<'_>| pair.namespace.pod_uid.as_ref() == Some(&pod.uid);
            let own: Vec<Pair<'_>> = self.free.values().copied().filter(is_own).collect();
            let addressed = own.iter().filter(|pair| !pair.inside.addresses.is_disjoint(&pod.addresses));
            let mut chosen: Vec<Pair<'_>> = addressed.copied().collect();
            if chosen.is_empty() {
                // Its addresses are not published, or not on it: closed until they are.
                let by_convention = own.iter().find(|pair| pair.inside.name == POD_INTERFACE);
                chosen.extend(by_convention.or(own.first()).filter(|_| !self.has_endpoint(pod)));
            }
            for pair in chosen {
                let addresses = pair.inside.addresses.intersection(&pod.addresses).copied().collect();
                self.give(pair.index, &pod.name, identity_of(pod), addresses);
            }
        }
    }

    fn by_address(&mut self, owners: &BTreeMap<IpAddr, &Pod>) {
        // The processes of a static pod have the UID by which the node knows it.
        let statics: BTreeSet<&String> = owners.values().filter_map(|pod| pod.static_uid.as_ref()).collect();
        let is_anonymous =
            |pair: &Pair<'_>| pair.namespace.pod_uid.as_ref().is_none_or(|uid| statics.contains(uid));
        let anonymous: Vec<Pair<'_>> = self.free.values().copied().filter(is_anonymous).collect();
        let mut seen: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for address in anonymous.iter().flat_map(|pair| &pair.inside.addresses) {
            *seen.entry(*address).or_default() += 1;
        }
        let known: BTreeSet<&ObjectName> =
            owners.values().filter(|pod| self.has_endpoint(pod)).map(|pod| &pod.name).collect();
        for pair in anonymous {
            let mut shares: BTreeMap<&ObjectName, (&Pod, BTreeSet<IpAddr>)> = BTreeMap::new();
            for address in &pair.inside.addresses {
                // A pod whose interface is known by a better witness has no other one by its address.
                if let Some(pod) = owners.get(address).filter(|pod| !known.contains(&pod.name)) {
                    let share = shares.entry(&pod.name).or_insert_with(|| (pod, BTreeSet::new()));
                    share.1.insert(*address);
                }
            }
            let is_disputed = |address: &&IpAddr| seen.get(*address).is_some_and(|count| *count > 1);
            let disputed: Vec<(&ObjectName, IpAddr)> = shares
                .iter()
                .flat_map(|(pod, (_, addresses))| addresses.iter().map(move |address| (*pod, address)))
                .filter(|(_, address)| shares.len() > 1 || is_disputed(address))
                .map(|(pod, address)| (pod, *address))
                .collect();
            for (pod, address) in &disputed {
                let problem = EndpointProblem { pod: (*pod).clone(), cause: Cause::Disputed(*address) };
                if !self.found.problems.contains(&problem) {
                    self.found.problems.push(problem);
                }
            }
            if let Some((name, (pod, addresses))) = shares.into_iter().next() {
                let addresses = if disputed.is_empty() { addresses } else { BTreeSet::new() };
                self.give(pair.index, name, identity_of(pod), addresses);
            }
        }
    }

    /// Says of each pod without an endpoint why it has none.
    fn explain(&mut self, pods: &[&Pod], owners: &BTreeMap<IpAddr, &Pod>) {
        for pod in pods {
            let is_explained =
                self.has_endpoint(pod) || self.found.problems.iter().any(|problem| problem.pod == pod.name);
            if !is_explained && let Some(cause) = self.cause(pod, owners) {
                self.found.problems.push(EndpointProblem { pod: pod.name.clone(), cause });
            }
        }
    }

    fn cause(&self, pod: &Pod, owners: &BTreeMap<IpAddr, &Pod>) -> Option<Cause> {
        if !pod.is_on_pod_network() {
            return pod.host_network.then_some(Cause::HostNetwork);
        }
        let taken = pod.addresses.iter().find_map(|address| {
            let owner = owners.get(address).filter(|owner| owner.name != pod.name)?;
            Some(Cause::Taken { address: *address, owner: owner.name.clone() })
        });
        let is_own = |namespace: &&Namespace| {
            !pod.uid.is_empty() && namespace.pod_uid.as_ref() == Some(&pod.uid)
                || namespace.interfaces.iter().any(|inside| !inside.addresses.is_disjoint(&pod.addresses))
        };
        let unfit = || {
            let insides = self.scan.namespaces.iter().filter(is_own).flat_map(|own| &own.interfaces);
            let addressed = insides.filter(|inside| !inside.addresses.is_empty());
            addressed.filter_map(|inside| inside.host.clone().err()).next().map(Cause::Interface)
        };
        // Without an address it has not begun.
        taken.or_else(unfit).or_else(|| (!pod.addresses.is_empty()).then_some(Cause::NotFound))
    }

    fn has_endpoint(&self, pod: &Pod) -> bool {
        self.found.endpoints.iter().any(|endpoint| endpoint.is_of(pod))
    }
}

/// Manifests need not have UIDs.
fn identity_of(pod: &Pod) -> Identity {
    if pod.uid.is_empty() { Identity::Known } else { Identity::Uid(pod.uid.clone()) }
}
