//! What changes of objects do to an answer.

use enforcer::{
    model::{ClusterEvent, Kind, Namespace, Object, ObjectKey, Pod, PodState, Protocol},
    store::Cluster,
};

use super::{TCP, base, enters};
use crate::builder::{block, labels, name, named, pods_in, policy, rule};

/// `a/db` lets in port "http" from web pods of team x, `a/web` among them.
fn start() -> Cluster {
    let from = pods_in(labels([("team", "x")]), labels([("app", "web")]));
    base()
        .port("a/db", "http", Protocol::Tcp, 80)
        .policy(
            policy("a/p")
                .select(labels([("app", "db")]))
                .ingress([rule([from, block("192.0.2.0/24", [])], [named(Protocol::Tcp, "http")])]),
        )
        .build()
}

/// Which of the two web pods, and of two other addresses, reach `a/db`.
fn seen(cluster: &Cluster) -> [bool; 4] {
    let remotes = ["10.0.0.1", "10.0.0.3", "10.0.0.7", "192.0.2.1"];
    remotes.map(|remote| enters(cluster, "a/db", remote, TCP, 80))
}

fn after<T>(change: impl FnOnce(&mut Cluster) -> T) -> [bool; 4] {
    let mut cluster = start();
    assert_eq!(seen(&cluster), [true, false, false, true]);
    change(&mut cluster);
    seen(&cluster)
}

fn change_pod(pod: &str, change: impl FnOnce(&mut Pod)) -> [bool; 4] {
    after(|cluster| {
        let mut pod = cluster.pods.get(&name(pod)).expect("the pod is in the cluster").clone();
        change(&mut pod);
        cluster.apply(ClusterEvent::Apply(Object::Pod(pod)));
    })
}

#[test]
fn a_policy_changes_and_goes() {
    let other = policy("a/p").select(labels([("app", "db")])).ingress([]);
    let put = |cluster: &mut Cluster| cluster.apply(ClusterEvent::Apply(Object::Policy(other.into())));
    assert_eq!(after(put), [false; 4]);
    let key = ObjectKey { kind: Kind::NetworkPolicy, name: name("a/p") };
    assert_eq!(after(|cluster| cluster.apply(ClusterEvent::Delete(key))), [true; 4]);
}

#[test]
fn labels_of_a_pod_change() {
    assert_eq!(change_pod("a/web", |pod| pod.labels.clear()), [false, false, false, true]);
    // The subject is no longer selected.
    assert_eq!(change_pod("a/db", |pod| pod.labels.clear()), [true; 4]);
}

#[test]
fn labels_of_a_namespace_change() {
    let relabel = |name: &str, team: &str| {
        let labels = [("team".to_owned(), team.to_owned())].into();
        let namespace = Namespace { name: name.to_owned(), labels };
        after(|cluster| cluster.apply(ClusterEvent::Apply(Object::Namespace(namespace))))
    };
    assert_eq!(relabel("a", "y"), [false, false, false, true]);
    assert_eq!(relabel("b", "x"), [true, true, false, true]);
}

#[test]
fn addresses_of_a_pod_change() {
    let moved = ["10.0.0.7".parse().expect("an IP address")].into();
    assert_eq!(change_pod("a/web", |pod| pod.addresses = moved), [false, false, true, true]);
    assert_eq!(change_pod("a/web", |pod| pod.addresses.clear()), [false, false, false, true]);
}

#[test]
fn container_ports_of_a_pod_change() {
    let renumber = |pod: &mut Pod| pod.ports.iter_mut().for_each(|port| port.port = 81);
    assert_eq!(change_pod("a/db", renumber), [false; 4]);
    assert_eq!(change_pod("a/db", |pod| pod.ports.clear()), [false; 4]);
    // On ingress the sender's ports decide nothing.
    assert_eq!(change_pod("a/web", |pod| pod.ports.clear()), [true, false, false, true]);
}

#[test]
fn a_pod_finishes_and_goes() {
    assert_eq!(change_pod("a/web", |pod| pod.state = PodState::Terminating), [true, false, false, true]);
    assert_eq!(change_pod("a/web", |pod| pod.state = PodState::Finished), [false, false, false, true]);
    let key = ObjectKey { kind: Kind::Pod, name: name("a/web") };
    assert_eq!(after(|cluster| cluster.apply(ClusterEvent::Delete(key))), [false, false, false, true]);
}

#[test]
fn a_finished_pods_address_is_the_next_ones() {
    let finish = |cluster: &mut Cluster, pod: &str, labels: &[(&str, &str)]| {
        if let Some(pod) = cluster.pods.get_mut(&name(pod)) {
            pod.state = PodState::Finished;
        }
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let addresses = ["10.0.0.1".parse().expect("an IP address")].into();
        let next = Pod { name: name("a/next"), labels, addresses, ..Pod::default() };
        cluster.apply(ClusterEvent::Apply(Object::Pod(next)));
    };
    assert_eq!(after(|cluster| finish(cluster, "a/web", &[])), [false, false, false, true]);
    assert_eq!(after(|cluster| finish(cluster, "a/web", &[("app", "web")])), [true, false, false, true]);
}
