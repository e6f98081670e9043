//! kube-router on iptables. From FORWARD a jump for each local pod by its address, as destination and as source. A pod's
//! chain begins with what all have in common (invalid packets dropped, established ones accepted), then jumps to each
//! of its policies, then rejects what none has marked. A policy's chain has for each rule and port a match on two
//! sets, of sources and of destinations, twice: to mark, and to return once marked.

use enforcer::model::Direction;

use super::{
    super::{
        netfilter::{FORWARD, Netfilter, Set, SetKind, port_match},
        resolved::{Resolved, ResolvedPeer, ResolvedRule},
    },
    sides,
};

const TOP: &str = "KR-FORWARD";
const COMMON: &str = "KR-COMMON";
/// Where a direction that no policy isolates is marked.
const DEFAULT: &str = "KR-DEFAULT";
/// A policy has allowed the packet; both sides have.
const ALLOWED: &str = "0x10000/0x10000";
const PASSED: &str = "0x20000/0x20000";

/// The rules and sets.
pub(in super::super) fn kube_router(resolved: &Resolved<'_>) -> Netfilter {
    let mut out = Netfilter::default();
    out.rule(FORWARD, format!("-j {TOP}"));
    out.rule(COMMON, "-m conntrack --ctstate INVALID -j DROP");
    out.rule(COMMON, "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT");
    out.rule(DEFAULT, format!("-j MARK --set-xmark {ALLOWED}"));
    for (number, policy) in resolved.policies.iter().enumerate() {
        let target = target(number);
        out.sets.insert(target.clone(), Set::of(SetKind::Ip, &policy.targets));
        for direction in Direction::ALL {
            let Some(rules) = policy.rules(direction) else { continue };
            let chain = chain(number, direction);
            out.chains.entry(chain.clone()).or_default();
            let sides = sides(direction);
            let own = format!("-m set --match-set {target} {}", sides.own);
            for (index, rule) in rules.iter().enumerate() {
                for other in peers(&mut out, &format!("{chain}-{index}"), rule) {
                    let other = other
                        .map_or(String::new(), |set| format!("-m set --match-set {set} {} ", sides.other));
                    for port in ports(rule) {
                        let matches = format!("{port}{other}{own}");
                        out.rule(&chain, format!("{matches} -j MARK --set-xmark {ALLOWED}"));
                        out.rule(&chain, format!("{matches} -m mark --mark {ALLOWED} -j RETURN"));
                    }
                }
            }
        }
    }
    for (number, pod) in resolved.pods.iter().enumerate() {
        let chain = format!("KR-POD-{number}");
        out.rule(&chain, format!("-j {COMMON}"));
        out.rule(&chain, format!("-m addrtype --src-type LOCAL -d {} -j ACCEPT", pod.address));
        for direction in Direction::ALL {
            let own = format!("{} {}", sides(direction).own_address, pod.address);
            let policies: Vec<_> = resolved.isolating(pod, direction).collect();
            if policies.is_empty() {
                out.rule(&chain, format!("{own} -j {DEFAULT}"));
            }
            for (number, _) in policies {
                out.rule(&chain, format!("{own} -j {}", self::chain(number, direction)));
            }
            out.rule(TOP, format!("{own} -j {chain}"));
        }
        out.rule(&chain, format!("-m mark ! --mark {ALLOWED} -j REJECT"));
        out.rule(&chain, "-j MARK --set-xmark 0x0/0x10000");
        out.rule(&chain, format!("-j MARK --set-xmark {PASSED}"));
    }
    out.rule(TOP, format!("-m mark --mark {PASSED} -j ACCEPT"));
    out
}

/// Makes the sets of a rule's peers: one of addresses, one of blocks. `None` is everybody.
fn peers(out: &mut Netfilter, name: &str, rule: &ResolvedRule<'_>) -> Vec<Option<String>> {
    let Some(peers) = &rule.peers else { return vec![None] };
    let mut made = Vec::new();
    for peer in peers {
        let kind = match peer {
            ResolvedPeer::Pods { .. } => SetKind::Ip,
            ResolvedPeer::Block { .. } => SetKind::Net,
        };
        let name = if kind == SetKind::Ip { format!("{name}-ip") } else { format!("{name}-net") };
        if !made.contains(&Some(name.clone())) {
            made.push(Some(name.clone()));
        }
        let empty = || Set { kind, members: std::collections::BTreeSet::new() };
        let set = out.sets.entry(name).or_insert_with(empty);
        match peer {
            ResolvedPeer::Pods { addresses, .. } => set.members.extend(Set::of(kind, addresses).members),
            ResolvedPeer::Block { cidr, except } => set.add_block(*cidr, except),
        }
    }
    made
}

fn ports(rule: &ResolvedRule<'_>) -> Vec<String> {
    match &rule.ports {
        None => vec![String::new()],
        Some(ports) => ports.iter().map(|port| port_match(port) + " ").collect(),
    }
}

fn target(number: usize) -> String {
    format!("kr-target-{number}")
}

fn chain(number: usize, direction: Direction) -> String {
    let which = if direction == Direction::Ingress { "IN" } else { "OUT" };
    format!("KR-{which}-{number}")
}
