//! Azure NPM on iptables. Only packets of new connections enter. For each policy a match on the sets of its target's
//! namespace and labels; then a chain that jumps to acceptance by sets of peers and ports, and ends by marking for the drop,
//! which comes after all policies of the direction. Ingress that is accepted goes on to egress.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use enforcer::model::{Direction, NamespaceScope, Selector};

use super::{
    super::{
        netfilter::{FORWARD, Netfilter, Set, SetKind, port_match},
        resolved::{Resolved, ResolvedPeer, ResolvedRule, ipv4},
    },
    sides,
};

const TOP: &str = "NPM";
const INGRESS: &str = "NPM-INGRESS";
const INGRESS_ALLOWED: &str = "NPM-INGRESS-ALLOWED";
const EGRESS: &str = "NPM-EGRESS";
const ACCEPT: &str = "NPM-ACCEPT";
/// Some policy's target, allowed by none so far; allowed on ingress. One replaces the other.
const TO_DROP: &str = "0x400/0xf00";
const ALLOWED: &str = "0x200/0xf00";

/// The rules and sets.
///
/// # Errors
/// When a selector is more than labels: those would need sets of their own.
pub(in super::super) fn npm(resolved: &Resolved<'_>) -> Result<Netfilter> {
    let mut out = Netfilter::default();
    label_sets(&mut out, resolved);
    out.rule(FORWARD, format!("-m conntrack --ctstate NEW -j {TOP}"));
    for chain in [INGRESS, EGRESS, ACCEPT] {
        out.rule(TOP, format!("-j {chain}"));
    }
    out.rule(INGRESS_ALLOWED, format!("-j MARK --set-xmark {ALLOWED}"));
    out.rule(INGRESS_ALLOWED, format!("-j {EGRESS}"));
    out.rule(ACCEPT, "-j ACCEPT");
    for (number, resolved_policy) in resolved.policies.iter().enumerate() {
        let own = &resolved_policy.policy.name.namespace;
        for direction in Direction::ALL {
            let Some(rules) = resolved_policy.rules(direction) else { continue };
            let (base, allow) = match direction {
                Direction::Ingress => (INGRESS, INGRESS_ALLOWED),
                Direction::Egress => (EGRESS, ACCEPT),
            };
            let (chain, sides) = (format!("{base}-{number}"), sides(direction));
            let target = pods(own, &NamespaceScope::Own, &resolved_policy.policy.pod_selector, sides.own)?;
            out.rule(base, format!("{target}-j {chain}"));
            for (index, rule) in rules.iter().enumerate() {
                for other in peers(&mut out, &format!("cidr-{number}-{index}"), own, rule, sides.other)? {
                    for port in ports(rule) {
                        out.rule(&chain, format!("{port}{other}-j {allow}"));
                    }
                }
            }
            out.rule(&chain, format!("-j MARK --set-xmark {TO_DROP}"));
        }
    }
    out.rule(INGRESS, format!("-m mark --mark {TO_DROP} -j DROP"));
    out.rule(EGRESS, format!("-m mark --mark {TO_DROP} -j DROP"));
    out.rule(EGRESS, format!("-m mark --mark {ALLOWED} -j {ACCEPT}"));
    Ok(out)
}

/// A set for each label of pods, each namespace, and each label of namespaces.
fn label_sets(out: &mut Netfilter, resolved: &Resolved<'_>) {
    for ((key, value), addresses) in resolved.by_label() {
        out.sets.insert(label(key, value), Set::of(SetKind::Net, &addresses));
    }
    for (name, namespace) in &resolved.cluster.namespaces {
        let own = resolved.cluster.pods.values().filter(|pod| pod.name.namespace == *name);
        let addresses: BTreeSet<_> = own.flat_map(|pod| ipv4(&pod.addresses)).collect();
        let members = Set::of(SetKind::Net, &addresses);
        let labels = namespace.labels.iter().map(|(key, value)| namespace_label(key, value));
        for name in labels.chain([in_namespace(name)]) {
            let empty = || Set { kind: SetKind::Net, members: BTreeSet::new() };
            out.sets.entry(name).or_insert_with(empty).members.extend(members.members.clone());
        }
    }
}

/// Matches of pods by labels.
fn pods(own: &str, scope: &NamespaceScope, selector: &Selector, side: &str) -> Result<String> {
    let mut sets = match scope {
        NamespaceScope::Own => vec![in_namespace(own)],
        NamespaceScope::Matching(selector) => pairs(selector, namespace_label)?,
    };
    sets.extend(pairs(selector, label)?);
    Ok(sets.iter().map(|set| format!("-m set --match-set {set} {side} ")).collect())
}

fn pairs(selector: &Selector, name: fn(&str, &str) -> String) -> Result<Vec<String>> {
    ensure!(selector.match_expressions.is_empty(), "matchExpressions are not laid out for Azure NPM");
    Ok(selector.match_labels.iter().map(|(key, value)| name(key, value)).collect())
}

/// Matches of a rule's peers; an empty one is everybody.
fn peers(
    out: &mut Netfilter,
    name: &str,
    own: &str,
    rule: &ResolvedRule<'_>,
    side: &str,
) -> Result<Vec<String>> {
    let Some(peers) = &rule.peers else { return Ok(vec![String::new()]) };
    let mut matches = Vec::new();
    for (index, peer) in peers.iter().enumerate() {
        matches.push(match peer {
            ResolvedPeer::Pods { namespaces, pods, .. } => self::pods(own, namespaces, pods, side)?,
            ResolvedPeer::Block { cidr, except } => {
                let mut set = Set { kind: SetKind::Net, members: BTreeSet::new() };
                set.add_block(*cidr, except);
                let name = format!("{name}-{index}-{side}");
                out.sets.insert(name.clone(), set);
                format!("-m set --match-set {name} {side} ")
            }
        });
    }
    Ok(matches)
}

fn ports(rule: &ResolvedRule<'_>) -> Vec<String> {
    match &rule.ports {
        None => vec![String::new()],
        Some(ports) => ports.iter().map(|port| port_match(port) + " ").collect(),
    }
}

fn label(key: &str, value: &str) -> String {
    short(format!("pod:{key}:{value}"))
}

fn namespace_label(key: &str, value: &str) -> String {
    short(format!("nsl:{key}:{value}"))
}

fn in_namespace(name: &str) -> String {
    short(format!("ns:{name}"))
}

/// Names of sets have at most 31 bytes, and `new-` comes before while one is filled: of a long one a hash is taken, as NPM
/// does of all.
fn short(name: String) -> String {
    if name.len() <= 27 {
        return name;
    }
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("h-{:016x}", name.bytes().fold(0xcbf2_9ce4_8422_2325, fold))
}
