//! Constructs of policies and pods.

use std::{collections::BTreeSet, net::IpAddr};

use enforcer::{
    model::{
        Direction, IpBlock, Labels, NamespaceScope, Peer, Pod, PodState, Policy, Requirement, Rule, Selector,
    },
    store::Cluster,
};
use ipnet::IpNet;

use super::{Census, Construct as C, port};

pub(super) fn count(census: &mut Census, cluster: &Cluster) {
    for policy in cluster.policies.values() {
        count_policy(census, cluster, policy);
    }
    count_overlaps(census, cluster);
    for (name, pod) in &cluster.pods {
        count_pod(census, pod);
        let claims = |other: &Pod| other.is_on_pod_network() && !other.addresses.is_disjoint(&pod.addresses);
        let mut others = cluster.pods.values().filter(|other| other.name != *name);
        census.note_if(pod.is_on_pod_network() && others.any(claims), C::PodAddressShared);
    }
}

fn count_overlaps(census: &mut Census, cluster: &Cluster) {
    for pod in cluster.pods.values() {
        let selecting = cluster.policies.values().filter(|policy| selects(policy, pod)).count();
        census.note_if(selecting > 1, C::PolicyOverlap);
    }
    let blocks: Vec<IpBlock> = cluster
        .policies
        .values()
        .flat_map(|policy| [&policy.ingress, &policy.egress])
        .flatten()
        .flatten()
        .filter_map(|rule| rule.peers.clone())
        .flatten()
        .filter_map(|peer| match peer {
            Peer::IpBlock(block) => Some(block),
            Peer::Pods { .. } => None,
        })
        .collect();
    let elsewhere = blocks.iter().any(|block| {
        blocks.iter().filter(|other| *other != block).any(|other| {
            let cuts = |except: &IpNet| except.contains(&other.cidr) || other.cidr.contains(except);
            block.except.iter().any(cuts)
        })
    });
    census.note_if(elsewhere, C::BlockExceptElsewhere);
}

fn selects(policy: &Policy, pod: &Pod) -> bool {
    policy.name.namespace == pod.name.namespace && policy.pod_selector.matches(&pod.labels)
}

fn count_policy(census: &mut Census, cluster: &Cluster, policy: &Policy) {
    census.note(match (&policy.ingress, &policy.egress) {
        (Some(_), None) => C::PolicyIngress,
        (None, Some(_)) => C::PolicyEgress,
        (Some(_), Some(_)) => C::PolicyBoth,
        (None, None) => C::PolicyNeither,
    });
    census.note_if(!cluster.pods.values().any(|pod| selects(policy, pod)), C::PolicySelectsNobody);
    count_selector(census, &policy.pod_selector);
    let pods = cluster.pods.values().filter(|pod| pod.name.namespace == policy.name.namespace);
    count_missing_keys(census, &policy.pod_selector, pods.map(|pod| &pod.labels));
    for direction in Direction::ALL {
        let Some(rules) = policy.rules(direction) else { continue };
        census.note_if(rules.is_empty(), C::PolicyDeniesAll);
        for rule in rules {
            count_rule(census, cluster, direction, rule);
        }
    }
}

fn count_rule(census: &mut Census, cluster: &Cluster, direction: Direction, rule: &Rule) {
    match &rule.peers {
        None => census.note(C::PeersMissing),
        Some(peers) => {
            census.note_if(peers.len() > 1, C::PeersSeveral);
            for peer in peers {
                count_peer(census, cluster, peer);
            }
        }
    }
    port::count(census, cluster, direction, rule);
}

fn count_peer(census: &mut Census, cluster: &Cluster, peer: &Peer) {
    let everything = Selector::default();
    match peer {
        Peer::IpBlock(block) => count_block(census, cluster, block),
        Peer::Pods { namespaces: NamespaceScope::Own, pods } => {
            census.note(C::PeerPods);
            count_selector(census, pods);
        }
        Peer::Pods { namespaces: NamespaceScope::Matching(namespaces), pods } => {
            census.note(match (*namespaces == everything, *pods == everything) {
                (true, true) => C::PeerEverybody,
                (false, true) => C::PeerNamespaces,
                (_, false) => C::PeerCombined,
            });
            count_selector(census, namespaces);
            count_selector(census, pods);
        }
    }
}

fn count_selector(census: &mut Census, selector: &Selector) {
    census.note_if(*selector == Selector::default(), C::SelectorEmpty);
    census.note_if(!selector.match_labels.is_empty(), C::SelectorLabels);
    let mixed = !selector.match_labels.is_empty() && !selector.match_expressions.is_empty();
    census.note_if(mixed, C::SelectorMixed);
    for requirement in &selector.match_expressions {
        census.note(match requirement {
            Requirement::In(..) => C::SelectorIn,
            Requirement::NotIn(..) => C::SelectorNotIn,
            Requirement::Exists(_) => C::SelectorExists,
            Requirement::DoesNotExist(_) => C::SelectorDoesNotExist,
        });
    }
}

/// `NotIn` about a key that an object does not have is the case that is easily got wrong.
fn count_missing_keys<'a>(
    census: &mut Census,
    selector: &Selector,
    mut objects: impl Iterator<Item = &'a Labels>,
) {
    let keys: Vec<&String> = selector
        .match_expressions
        .iter()
        .filter_map(|requirement| match requirement {
            Requirement::NotIn(key, _) => Some(key),
            Requirement::In(..) | Requirement::Exists(_) | Requirement::DoesNotExist(_) => None,
        })
        .collect();
    let is_missing = objects.any(|labels| keys.iter().any(|key| !labels.contains_key(*key)));
    census.note_if(is_missing, C::SelectorNotInMissing);
}

fn count_block(census: &mut Census, cluster: &Cluster, block: &IpBlock) {
    let IpBlock { cidr, except } = block;
    census.note(if cidr.addr().is_ipv4() { C::BlockV4 } else { C::BlockV6 });
    census.note_if(cidr.prefix_len() == 0, C::BlockWhole);
    census.note_if(cidr.prefix_len() == cidr.max_prefix_len(), C::BlockHost);
    census.note_if(!except.is_empty(), C::BlockExcept);
    let nested =
        except.iter().any(|outer| except.iter().any(|inner| inner != outer && outer.contains(inner)));
    census.note_if(nested, C::BlockExceptNested);
    let pods = cluster.pods.values().filter(|pod| pod.is_on_pod_network());
    let addresses: BTreeSet<&IpAddr> = pods.flat_map(|pod| &pod.addresses).collect();
    census.note_if(addresses.iter().any(|&address| cidr.contains(address)), C::BlockCoversPod);
    let excepted = |address: &&IpAddr| except.iter().any(|except| except.contains(*address));
    census.note_if(addresses.iter().any(excepted), C::BlockExceptsPod);
}

fn count_pod(census: &mut Census, pod: &Pod) {
    census.note(match pod.addresses.len() {
        0 => C::PodWithoutAddress,
        1 => C::PodSingleStack,
        _ => C::PodDualStack,
    });
    census.note_if(pod.host_network, C::PodHostNetwork);
    match pod.state {
        PodState::Live => {}
        PodState::Terminating => census.note(C::PodTerminating),
        PodState::Finished => census.note(C::PodFinished),
    }
}
