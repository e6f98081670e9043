//! Whole clusters.

use std::collections::BTreeMap;

use enforcer::{
    model::{ClusterEvent, Labels, Namespace, Object, Pod, Policy},
    store::Cluster,
};
use proptest::{collection, prelude::*};

use super::{label::labels, pod::pod, policy::policy, service::services, universe::NAMESPACES};

/// One to eight pods, up to six policies, and Services.
pub fn cluster() -> impl Strategy<Value = Cluster> {
    let namespaces = NAMESPACES.map(|_| labels());
    let pods = collection::vec(pod(), 1..=12);
    let policies = collection::vec(policy(), 0..=6);
    // The first of a tuple shrinks first: few rules need few pods.
    (policies, namespaces, pods, services()).prop_map(|(policies, namespaces, pods, services)| {
        let mut cluster = build(namespaces, pods, policies);
        services.add_to(&mut cluster);
        cluster
    })
}

fn build(namespaces: [Labels; 3], pods: Vec<Pod>, policies: Vec<Policy>) -> Cluster {
    let mut objects = Vec::new();
    for (name, labels) in NAMESPACES.into_iter().zip(namespaces) {
        objects.push(Object::Namespace(namespace(name, labels)));
    }
    // One name in two namespaces would be two pods; names are numbers here, see `Subject`.
    let pods: BTreeMap<String, Pod> = pods.into_iter().map(|pod| (pod.name.name.clone(), pod)).collect();
    objects.extend(pods.into_values().map(Object::Pod));
    objects.extend(policies.into_iter().map(Object::Policy));
    let mut cluster = Cluster::default();
    cluster.apply(ClusterEvent::Reset(objects));
    cluster
}

/// With the label that the API server gives to each namespace.
pub(super) fn namespace(name: &str, mut labels: Labels) -> Namespace {
    labels.insert("kubernetes.io/metadata.name".to_owned(), name.to_owned());
    Namespace { name: name.to_owned(), labels }
}
