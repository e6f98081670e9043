//! A cluster's objects: namespaces of ten policies and a hundred pods, as teams have them, whose policies point at each
//! other's pods; and two pods of their own between which the prober speaks.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
};

use serde_json::{Value, json};

use super::size::Size;
use crate::api_server::pod_on;

/// The prober's namespace and its two pods.
pub(super) const PROBE: &str = "probe";
pub(super) const CLIENT: &str = "client";
pub(super) const SERVER: &str = "server";
/// The port that it tries.
pub(super) const PORT: u16 = 7_000;

/// Policies and applications of a namespace. A size has as many pods in one as ten applications of ten.
const POLICIES: usize = 10;
const APPLICATIONS: usize = 10;

impl Size {
    /// The number of namespaces.
    pub(super) fn namespaces(self) -> usize {
        self.policies / POLICIES
    }

    /// The namespace and the application of the first local pod that is none of the prober's.
    fn changed(self) -> (usize, usize) {
        (self.team(2), 2 / self.namespaces() % APPLICATIONS)
    }

    /// Which namespace a pod is in.
    fn team(self, pod: usize) -> usize {
        pod % self.namespaces()
    }
}

fn team(number: usize) -> String {
    format!("team-{number:04}")
}

/// Namespace and name of the pod of this number. The first two are the prober's.
pub(super) fn pod_name(size: Size, number: usize) -> (String, String) {
    match number {
        0 => (PROBE.to_owned(), CLIENT.to_owned()),
        1 => (PROBE.to_owned(), SERVER.to_owned()),
        _ => (team(size.team(number)), format!("web-6d4b75cb6d-{number:06}")),
    }
}

fn application(size: Size, number: usize) -> String {
    match number {
        0 => CLIENT.to_owned(),
        1 => SERVER.to_owned(),
        _ => format!("app-{}", number / size.namespaces() % APPLICATIONS),
    }
}

/// All namespaces.
pub(super) fn namespaces(size: Size) -> impl Iterator<Item = Value> {
    let names = (0..size.namespaces()).map(team).chain([PROBE.to_owned()]);
    names.map(|name| {
        let labels = json!({"kubernetes.io/metadata.name": name, "team": name});
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    })
}

/// A pod, on this node where it has the addresses of one of the lab's.
pub(super) fn pod(size: Size, number: usize, local: Option<&BTreeSet<IpAddr>>) -> Value {
    let application = application(size, number);
    labelled(size, number, local, &application)
}

fn labelled(size: Size, number: usize, local: Option<&BTreeSet<IpAddr>>, application: &str) -> Value {
    let (namespace, name) = pod_name(size, number);
    let remote = IpAddr::from(Ipv4Addr::from(0x0a80_0000 + u32::try_from(number).unwrap_or(u32::MAX / 2)));
    let addresses: Vec<IpAddr> = local.map_or_else(|| vec![remote], |own| own.iter().copied().collect());
    let node = if local.is_some() { "node-1".to_owned() } else { format!("node-{}", number / 100 + 2) };
    let first = addresses.first().map(ToString::to_string).unwrap_or_default();
    let mut pod = pod_on(&node, &name, &first, "Running");
    let all: Vec<Value> = addresses.iter().map(|address| json!({"ip": address})).collect();
    for (place, value) in [
        ("/metadata/namespace", json!(namespace)),
        ("/metadata/uid", json!(format!("9f2c1a44-8d1b-4b5e-9c3a-{number:012}"))),
        ("/metadata/labels/app", json!(application)),
        ("/status/podIPs", json!(all)),
    ] {
        if let Some(field) = pod.pointer_mut(place) {
            *field = value;
        }
    }
    pod
}

/// A pod that the changed policy lets in by its label, of another node where there is one; every other time it has another
/// label.
pub(super) fn relabelled(
    size: Size,
    is_other: bool,
    local: impl Fn(usize) -> Option<BTreeSet<IpAddr>>,
) -> Value {
    let (namespace, own) = size.changed();
    let first = (namespace + 1) % size.namespaces() + (own + 1) * size.namespaces();
    // All pods after so many more are of the same namespace and application.
    let again = APPLICATIONS * size.namespaces();
    let mut alike = (first..size.pods).step_by(again);
    let number =
        alike.clone().find(|number| *number >= size.local()).or_else(|| alike.next_back()).unwrap_or(first);
    let application = if is_other { "other".to_owned() } else { application(size, number) };
    labelled(size, number, local(number).as_ref(), &application)
}

/// All policies but the prober's.
pub(super) fn policies(size: Size) -> impl Iterator<Item = Value> {
    (0..size.policies).map(move |number| team_policy(size, number / POLICIES, number % POLICIES, 8_080))
}

/// The policy of a local pod that changes, with this port.
pub(super) fn changed_policy(size: Size, port: u16) -> Value {
    let (namespace, own) = size.changed();
    team_policy(size, namespace, own + 2, port)
}

/// A namespace's policies: two for all of its pods, and one for each of eight applications.
fn team_policy(size: Size, namespace: usize, number: usize, port: u16) -> Value {
    let spec = match number {
        0 => json!({
            "podSelector": {},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": {}}], "ports": [{"protocol": "TCP", "port": 9_090}]}],
        }),
        1 => json!({
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [
                {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
                 "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]},
                {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "169.254.0.0/16"]}}],
                 "ports": [{"protocol": "TCP", "port": 443}]},
            ],
        }),
        _ => {
            let own = number - 2;
            let peer = team((namespace + 1) % size.namespaces());
            let [high, low] = u16::try_from(namespace).unwrap_or(u16::MAX).to_be_bytes();
            json!({
                "podSelector": {"matchLabels": {"app": format!("app-{own}")}},
                "policyTypes": ["Ingress"],
                "ingress": [{
                    "from": [
                        {"namespaceSelector": {"matchLabels": {"team": peer}},
                         "podSelector": {"matchLabels": {"app": format!("app-{}", own + 1)}}},
                        {"ipBlock": {"cidr": format!("172.{}.{low}.0/24", 16 + high)}},
                    ],
                    "ports": [{"protocol": "TCP", "port": port}, {"protocol": "TCP", "port": "http"}],
                }],
            })
        }
    };
    policy(&team(namespace), &format!("policy-{number}"), &spec)
}

/// The prober's own policy: its server takes connections of its client, or of nobody.
pub(super) fn probe_policy(allows: bool) -> Value {
    let from = json!([{"from": [{"podSelector": {"matchLabels": {"app": CLIENT}}}], "ports": [{"protocol": "TCP", "port": PORT}]}]);
    let ingress = if allows { from } else { json!([]) };
    let spec = json!({
        "podSelector": {"matchLabels": {"app": SERVER}},
        "policyTypes": ["Ingress"],
        "ingress": ingress,
    });
    policy(PROBE, "server", &spec)
}

fn policy(namespace: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace, "uid": format!("uid-of-{namespace}-{name}")},
        "spec": spec,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_changed_label_is_one_that_the_changed_policy_asks_for() {
        for size in Size::ALL {
            let [own, other] = [false, true].map(|is_other| relabelled(size, is_other, |_| None));
            let text = |object: &Value, at: &str| {
                object.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            let peer = "/spec/ingress/0/from/0";
            let policy = changed_policy(size, 1);
            assert_eq!(
                text(&policy, &format!("{peer}/podSelector/matchLabels/app")),
                text(&own, "/metadata/labels/app")
            );
            assert_eq!(
                text(&policy, &format!("{peer}/namespaceSelector/matchLabels/team")),
                text(&own, "/metadata/namespace")
            );
            assert_eq!(text(&other, "/metadata/labels/app"), "other");
            assert_eq!(text(&own, "/metadata/name"), text(&other, "/metadata/name"));
        }
    }

    #[test]
    fn there_are_as_many_as_the_size_says_and_a_local_pod_has_a_policy_that_changes() {
        for size in Size::ALL {
            assert_eq!(policies(size).count(), size.policies);
            let subject = changed_policy(size, 1).pointer("/spec/podSelector/matchLabels/app").cloned();
            let is_subject = |number: &usize| {
                let (namespace, _) = pod_name(size, *number);
                let is_team = namespace == team(size.changed().0);
                is_team && Some(json!(application(size, *number))) == subject
            };
            assert!((0..size.local()).any(|number| is_subject(&number)), "{size:?}");
        }
    }
}
