//! Rules and policies.

use enforcer::model::{NamespaceScope, ObjectName, Peer, Policy, Rule, Selector};
use proptest::{collection, option, prelude::*, sample::select};

use super::{
    block::ip_block,
    label::selector,
    port::{named_ports, ports},
    universe::CROWDED_NAMESPACES,
};

/// A rule with up to three peers. One in six is about a named port of all pods: in most others either the peer or
/// the name does not fit, and then the numbers that names stand for decide nothing.
pub fn rule() -> impl Strategy<Value = Rule> {
    let peers = option::weighted(0.8, collection::vec(peer(), 1..=3));
    let everybody =
        Peer::Pods { namespaces: NamespaceScope::Matching(Selector::default()), pods: Selector::default() };
    let of_everybody = (option::of(Just(vec![everybody])), named_ports());
    let rule = prop_oneof![5 => (peers, ports()), 1 => of_everybody];
    rule.prop_map(|(peers, ports)| Rule { peers, ports })
}

/// A policy. Often enough it has one of few names, so that it replaces another.
pub fn policy() -> impl Strategy<Value = Policy> {
    let name = (select(&CROWDED_NAMESPACES[..]), 0..4_u8)
        .prop_map(|(namespace, number)| ObjectName::new(namespace, format!("policy-{number}")));
    let pod_selector = prop_oneof![1 => Just(Selector::default()), 1 => selector()];
    (name, pod_selector, rules(), rules()).prop_map(|(name, pod_selector, ingress, egress)| Policy {
        name,
        pod_selector,
        ingress,
        egress,
    })
}

/// The rules of one direction; `None` where the policy does not isolate.
fn rules() -> impl Strategy<Value = Option<Vec<Rule>>> {
    option::weighted(0.7, collection::vec(rule(), 0..=3))
}

fn peer() -> impl Strategy<Value = Peer> {
    let scope = prop_oneof![Just(NamespaceScope::Own), selector().prop_map(NamespaceScope::Matching),];
    prop_oneof![
        3 => (scope, selector()).prop_map(|(namespaces, pods)| Peer::Pods { namespaces, pods }),
        2 => ip_block().prop_map(Peer::IpBlock),
    ]
}
