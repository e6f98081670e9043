//! The other way: a generated case as text.

use std::fmt::Write as _;

use enforcer::{
    model::{Direction, Namespace, Pod, PodState, Policy},
    store::Cluster,
};

use super::{parse::NAME_LABEL, peer, selector, traffic};
use crate::{
    compare::endpoints,
    generate::{Case, Probe},
    oracle::{judge, with_endpoints},
};

/// Writing to a string cannot fail.
macro_rules! put {
    ($text:expr, $($arguments:tt)*) => {
        write!($text, $($arguments)*).ok()
    };
}

/// A case in the form that [`super::parse()`] reads, with what the oracle expects.
#[must_use]
pub fn write_case(case: &Case) -> String {
    let mut text = String::new();
    let Cluster { namespaces, pods, policies, .. } = &case.cluster;
    for namespace in namespaces.values() {
        write_namespace(&mut text, namespace);
    }
    for pod in pods.values() {
        write_pod(&mut text, pod);
    }
    for policy in policies.values() {
        write_policy(&mut text, policy);
    }
    write_rest(&mut text, &case.cluster);
    let known = with_endpoints(&case.cluster, &endpoints(&case.cluster, 1));
    for probe in &case.probes {
        write_probe(&mut text, &known, probe);
    }
    text
}

/// What has no sentence stays visible, as comments: a case that needs it is not whole without.
fn write_rest(text: &mut String, cluster: &Cluster) {
    let mut rest = cluster.clone();
    rest.namespaces.clear();
    rest.pods.clear();
    rest.policies.clear();
    if rest != Cluster::default() {
        text.push_str("# There are no sentences for the rest of the cluster:\n");
        for line in format!("{rest:#?}").lines() {
            put!(text, "# {line}\n");
        }
    }
}

fn write_namespace(text: &mut String, Namespace { name, labels }: &Namespace) {
    put!(text, "namespace {name}");
    for (key, value) in labels.iter().filter(|(key, _)| *key != NAME_LABEL) {
        put!(text, " {key}={value}");
    }
    text.push('\n');
}

fn write_pod(text: &mut String, pod: &Pod) {
    // Where a pod is, and how its node calls it, is nothing that a verdict depends on.
    let Pod { name, uid, static_uid: _, labels, addresses, state, started, host_network, ports, is_local: _ } =
        pod;
    put!(text, "pod {name}");
    for (key, value) in labels {
        put!(text, " {key}={value}");
    }
    for address in addresses {
        put!(text, " {address}");
    }
    text.push_str(match state {
        PodState::Live => "",
        PodState::Terminating => " terminating",
        PodState::Finished => " finished",
    });
    text.push_str(if *host_network { " host-network" } else { "" });
    if !uid.is_empty() {
        put!(text, " uid {uid}");
    }
    if let Some(started) = started {
        put!(text, " started {started}");
    }
    for port in ports {
        let name = port.name.as_ref().map(|name| format!("{name}:")).unwrap_or_default();
        put!(text, " port {name}{}:{}", traffic::name(port.protocol), port.port);
    }
    text.push('\n');
}

fn write_policy(text: &mut String, policy: &Policy) {
    put!(text, "policy {} {} isolates ", policy.name, selector::Written(&policy.pod_selector));
    text.push_str(match (&policy.ingress, &policy.egress) {
        (Some(_), None) => "ingress",
        (None, Some(_)) => "egress",
        (Some(_), Some(_)) => "both",
        (None, None) => "nothing",
    });
    text.push('\n');
    for (direction, side) in [(Direction::Ingress, "from"), (Direction::Egress, "to")] {
        for rule in policy.rules(direction).unwrap_or_default() {
            let (what, who) = (traffic::Written(&rule.ports), peer::Written(&rule.peers));
            put!(text, "  allow {what} {side} {who}\n");
        }
    }
}

fn write_probe(text: &mut String, known: &Cluster, probe: &Probe) {
    let Some(question) = probe.question(known) else { return };
    let verdict = if judge(known, &question).passes() { "allow" } else { "deny" };
    let Probe { subject, direction, remote, protocol, port } = probe;
    let carrier = match (protocol, remote.is_ipv4()) {
        (6, _) => "tcp".to_owned(),
        (17, _) => "udp".to_owned(),
        (132, _) => "sctp".to_owned(),
        (1, true) | (58, false) => "icmp".to_owned(),
        (number, _) => format!("proto:{number}"),
    };
    put!(text, "expect {verdict} {carrier} ");
    match direction {
        Direction::Ingress => put!(text, "{remote} -> {subject}"),
        Direction::Egress => put!(text, "{subject} -> {remote}"),
    };
    if let Some(port) = port {
        put!(text, " {port}");
    }
    text.push('\n');
}
