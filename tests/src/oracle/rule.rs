//! One rule: a peer and a port must match.

use std::net::IpAddr;

use enforcer::{
    model::{NamespaceScope, Peer, Ports, Protocol, Rule},
    store::Cluster,
};

use super::{Question, block, owner, selection};

/// `namespace` is the policy's own.
pub(super) fn matches(cluster: &Cluster, namespace: &str, rule: &Rule, question: &Question<'_>) -> bool {
    peers_match(cluster, namespace, rule, question.remote) && ports_match(&rule.ports, question)
}

/// "empty against missing `from`/`to`" (3.2): the model has folded both into `None`, every address.
/// Two peers are an *or*; the two selectors of one peer are an *and*.
fn peers_match(cluster: &Cluster, namespace: &str, rule: &Rule, remote: IpAddr) -> bool {
    match &rule.peers {
        None => true,
        Some(peers) => peers.iter().any(|peer| peer_matches(cluster, namespace, peer, remote)),
    }
}

fn peer_matches(cluster: &Cluster, namespace: &str, peer: &Peer, remote: IpAddr) -> bool {
    match peer {
        // "An ipBlock matches any address, a pod's too" (3.2).
        Peer::IpBlock(ip_block) => block::matches(ip_block, remote),
        // "podSelector and namespaceSelector (also combined)" (3.2). Who is not on the pod network
        // is found by no selector, the empty one included.
        Peer::Pods { namespaces, pods } => {
            let Some(pod) = owner::owner(cluster, remote) else { return false };
            let in_scope = match namespaces {
                NamespaceScope::Own => pod.name.namespace == namespace,
                // A namespace that is not known yet has no labels to match: closed.
                NamespaceScope::Matching(selector) => cluster
                    .namespaces
                    .get(&pod.name.namespace)
                    .is_some_and(|namespace| selection::matches(selector, &namespace.labels)),
            };
            in_scope && selection::matches(pods, &pod.labels)
        }
    }
}

/// "A rule without `ports` covers every IP protocol (ICMP, IGMP, ESP …); a rule with ports covers
/// none of these" (3.2). The port is the destination's, and only TCP, UDP and SCTP have one.
fn ports_match(ports: &Ports, question: &Question<'_>) -> bool {
    match ports {
        Ports::Any => true,
        Ports::Listed(list) => list.iter().any(|entry| {
            let number = match entry.protocol {
                Protocol::Tcp => 6,
                Protocol::Udp => 17,
                Protocol::Sctp => 132,
            };
            question.protocol == number
                && question.port.is_some_and(|port| entry.first <= port && port <= entry.last)
        }),
    }
}
