//! One rule: a peer and a port must match.

use std::net::IpAddr;

use enforcer::{
    model::{Direction, NamespaceScope, Peer, Pod, PortMatch, Ports, Protocol, Rule},
    store::Cluster,
};

use super::{Question, block, owner, selection};

/// `namespace` is the policy's own.
pub(super) fn matches(cluster: &Cluster, namespace: &str, rule: &Rule, question: &Question<'_>) -> bool {
    peers_match(cluster, namespace, rule, question.remote) && ports_match(cluster, &rule.ports, question)
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
fn ports_match(cluster: &Cluster, ports: &Ports, question: &Question<'_>) -> bool {
    let Ports::Listed(list) = ports else { return true };
    let Some(port) = question.port else { return false };
    list.iter().any(|entry| match entry {
        PortMatch::Range(range) => {
            question.protocol == number(range.protocol) && range.first <= port && port <= range.last
        }
        // "a named port is resolved on the *destination* pod, which on egress differs from peer to
        // peer" (3.2). The same name with another protocol is another port; where nobody owns the
        // destination there are no names.
        PortMatch::Named(named) => {
            question.protocol == number(named.protocol)
                && destination(cluster, question).is_some_and(|pod| {
                    pod.ports.iter().any(|own| {
                        own.name.as_deref() == Some(named.name.as_str())
                            && own.protocol == named.protocol
                            && own.port == port
                    })
                })
        }
    })
}

/// The pod that the packet goes to.
fn destination<'a>(cluster: &'a Cluster, question: &Question<'a>) -> Option<&'a Pod> {
    match question.direction {
        Direction::Ingress => Some(question.subject),
        Direction::Egress => owner::owner(cluster, question.remote),
    }
}

fn number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Sctp => 132,
    }
}
