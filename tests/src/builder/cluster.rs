//! Namespaces, pods, endpoints.

use std::{collections::BTreeSet, net::IpAddr};

use enforcer::{
    model::{
        ClusterEvent, ContainerPort, Endpoint, Labels, Namespace, Object, ObjectName, Pod, Policy, Protocol,
    },
    store::Cluster,
};

/// The label that the API server gives to each namespace.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// An empty cluster to start from.
#[must_use]
pub fn cluster() -> ClusterBuilder {
    ClusterBuilder::default()
}

/// `namespace/name`
///
/// # Panics
/// Without a slash.
#[must_use]
pub fn name(text: &str) -> ObjectName {
    let (namespace, name) = text.split_once('/').expect("a name reads `namespace/name`");
    ObjectName::new(namespace, name)
}

/// The interface of a local pod, with index 1.
#[must_use]
pub fn endpoint<const N: usize>(pod: &str, addresses: [&str; N]) -> Endpoint {
    let pod = name(pod);
    let interface = format!("veth-{}", pod.name);
    let addresses = parse_addresses(addresses);
    Endpoint { pod, interface_index: 1, interface, addresses, ..Endpoint::default() }
}

/// A cluster in the making.
#[derive(Debug, Clone, Default)]
pub struct ClusterBuilder {
    cluster: Cluster,
}

impl ClusterBuilder {
    /// A namespace with these labels and the one that the API server adds.
    #[must_use]
    pub fn namespace<const N: usize>(mut self, name: &str, labels: [(&str, &str); N]) -> Self {
        self.put_namespace(name, parse_labels(labels));
        self
    }

    /// A running pod. Its namespace comes with it if it is not there.
    #[must_use]
    pub fn pod<const N: usize, const M: usize>(
        mut self,
        pod: &str,
        labels: [(&str, &str); N],
        addresses: [&str; M],
    ) -> Self {
        let name = name(pod);
        if !self.cluster.namespaces.contains_key(&name.namespace) {
            self.put_namespace(&name.namespace, Labels::new());
        }
        let uid = format!("uid-{pod}");
        let (labels, addresses) = (parse_labels(labels), parse_addresses(addresses));
        self.put(Object::Pod(Pod { name, uid, labels, addresses, ..Pod::default() }));
        self
    }

    /// Something else about a pod that is there.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    pub fn change(mut self, pod: &str, change: impl FnOnce(&mut Pod)) -> Self {
        change(self.cluster.pods.get_mut(&name(pod)).expect("the pod is in the cluster"));
        self
    }

    /// One more container port of a pod that is there.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    pub fn port(self, pod: &str, name: &str, protocol: Protocol, port: u16) -> Self {
        self.change(pod, |pod| pod.ports.push(ContainerPort { name: Some(name.into()), protocol, port }))
    }

    /// A policy.
    #[must_use]
    pub fn policy(mut self, policy: impl Into<Policy>) -> Self {
        self.put(Object::Policy(policy.into()));
        self
    }

    /// The cluster.
    #[must_use]
    pub fn build(self) -> Cluster {
        self.cluster
    }

    fn put_namespace(&mut self, name: &str, mut labels: Labels) {
        labels.insert(NAME_LABEL.into(), name.into());
        self.put(Object::Namespace(Namespace { name: name.into(), labels }));
    }

    fn put(&mut self, object: Object) {
        self.cluster.apply(ClusterEvent::Apply(object));
    }
}

fn parse_labels<const N: usize>(labels: [(&str, &str); N]) -> Labels {
    labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

fn parse_addresses<const N: usize>(addresses: [&str; N]) -> BTreeSet<IpAddr> {
    addresses.map(|address| address.parse().expect("an IP address")).into()
}
