//! Calico on iptables. From FORWARD a tree over interface names leads to the pod's chain, once for the interface that
//! the packet came from and once for the one that it leaves by. A pod's chain accepts established connections, drops
//! invalid packets, jumps to each policy until one has marked the packet, and drops what none has. A policy's chain
//! has for each rule a match on the peers' set and up to 15 ports at once, to mark, and a return. A selector has one set,
//! whoever uses it; a block with exceptions is matched by a mark of its own.

use std::{collections::BTreeMap, fmt::Write as _};

use enforcer::model::{Direction, PortRange, Protocol};

use super::{
    super::{
        netfilter::{FORWARD, Netfilter, Set, SetKind, protocol},
        resolved::{LocalPod, Resolved, ResolvedPeer, ResolvedRule},
    },
    sides,
};

const TOP: &str = "CALI-FORWARD";
const PROFILE: &str = "CALI-PROFILE";
const ALLOWED: &str = "0x10000/0x10000";
/// Set once a tier is left to the next one, which nothing here does; every policy's jump asks for it.
const IN_TIER: &str = "0x0/0x20000";
const IN_BLOCK: &str = "0x40000/0x40000";
/// What one match takes; a range counts twice.
const PORTS_AT_ONCE: usize = 15;

/// The rules and sets.
pub(in super::super) fn calico(resolved: &Resolved<'_>) -> Netfilter {
    let mut out = Netfilter::default();
    out.rule(FORWARD, format!("-j {TOP}"));
    for (direction, option) in [(Direction::Egress, "-i"), (Direction::Ingress, "-o")] {
        let pods: Vec<&LocalPod> = resolved.pods.iter().collect();
        let names: Vec<&str> = pods.iter().map(|pod| pod.interface.as_str()).collect();
        let root = format!("CALI-{}", side(direction));
        dispatch(&mut out, &root, option, &names, direction);
        out.rule(TOP, format!("-j {root}"));
        for pod in pods {
            endpoint(&mut out, resolved, pod, direction);
        }
    }
    out.rule(TOP, format!("-m mark --mark {ALLOWED} -j ACCEPT"));
    out.rule(PROFILE, format!("-j MARK --set-xmark {ALLOWED}"));
    let mut selectors = BTreeMap::new();
    for (number, policy) in resolved.policies.iter().enumerate() {
        for direction in Direction::ALL {
            let chain = chain(number, direction);
            for rule in policy.rules(direction).unwrap_or_default() {
                self::rule(&mut out, &mut selectors, &chain, rule, direction);
            }
            if policy.rules(direction).is_some() {
                out.chains.entry(chain).or_default();
            }
        }
    }
    out
}

/// One level of the tree: names that go on with the same character share a branch.
fn dispatch(out: &mut Netfilter, chain: &str, option: &str, names: &[&str], direction: Direction) {
    let common = names.iter().copied().reduce(shared_prefix).unwrap_or_default();
    let mut branches: BTreeMap<Option<char>, Vec<&str>> = BTreeMap::new();
    for name in names {
        let next = name.strip_prefix(common).and_then(|rest| rest.chars().next());
        branches.entry(next).or_default().push(name);
    }
    for (next, names) in branches {
        match (next, names.as_slice()) {
            (_, [name]) => out.rule(chain, format!("{option} {name} -g {}", endpoint_chain(name, direction))),
            (Some(next), names) => {
                let branch = format!("{chain}-{next}");
                out.rule(chain, format!("{option} {common}{next}+ -g {branch}"));
                dispatch(out, &branch, option, names, direction);
            }
            (None, _) => {}
        }
    }
    // All interfaces of this node are pods': no other is known.
    out.rule(chain, "-j DROP");
}

fn shared_prefix<'a>(one: &'a str, other: &str) -> &'a str {
    let same = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    one.get(..same).unwrap_or_default()
}

fn endpoint(out: &mut Netfilter, resolved: &Resolved<'_>, pod: &LocalPod, direction: Direction) {
    let chain = endpoint_chain(&pod.interface, direction);
    out.rule(&chain, "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT");
    out.rule(&chain, "-m conntrack --ctstate INVALID -j DROP");
    out.rule(&chain, "-j MARK --set-xmark 0x0/0x10000");
    let policies: Vec<_> = resolved.isolating(pod, direction).map(|(number, _)| number).collect();
    if policies.is_empty() {
        out.rule(&chain, format!("-j {PROFILE}"));
    } else {
        out.rule(&chain, "-j MARK --set-xmark 0x0/0x20000");
        for number in policies {
            out.rule(&chain, format!("-m mark --mark {IN_TIER} -j {}", self::chain(number, direction)));
            out.rule(&chain, format!("-m mark --mark {ALLOWED} -j RETURN"));
        }
        out.rule(&chain, format!("-m mark --mark {IN_TIER} -j DROP"));
    }
    out.rule(&chain, format!("-m mark --mark {ALLOWED} -j RETURN"));
    out.rule(&chain, "-j DROP");
}

fn rule(
    out: &mut Netfilter,
    selectors: &mut BTreeMap<String, usize>,
    chain: &str,
    rule: &ResolvedRule<'_>,
    direction: Direction,
) {
    let sides = sides(direction);
    let everybody = [None];
    let peers: Vec<Option<&ResolvedPeer<'_>>> = match &rule.peers {
        None => everybody.into(),
        Some(peers) => peers.iter().map(Some).collect(),
    };
    for peer in peers {
        let other = match peer {
            None => String::new(),
            Some(ResolvedPeer::Pods { namespaces, pods, addresses }) => {
                let fresh = selectors.len();
                // A namespace's own selector means other pods in each namespace: so the addresses tell them apart.
                let number =
                    *selectors.entry(format!("{namespaces:?} {pods:?} {addresses:?}")).or_insert(fresh);
                let set = format!("cali-{number}");
                out.sets.entry(set.clone()).or_insert_with(|| Set::of(SetKind::Net, addresses));
                format!("-m set --match-set {set} {} ", sides.other)
            }
            Some(ResolvedPeer::Block { cidr, except }) => {
                let other = sides.other_address;
                out.rule(chain, "-j MARK --set-xmark 0x0/0x40000");
                out.rule(chain, format!("{other} {cidr} -j MARK --set-xmark {IN_BLOCK}"));
                for net in except {
                    out.rule(chain, format!("{other} {net} -j MARK --set-xmark 0x0/0x40000"));
                }
                format!("-m mark --mark {IN_BLOCK} ")
            }
        };
        for ports in ports(rule) {
            out.rule(chain, format!("{ports}{other}-j MARK --set-xmark {ALLOWED}"));
            out.rule(chain, format!("-m mark --mark {ALLOWED} -j RETURN"));
        }
    }
}

/// Matches of a rule's ports, as many at once as one match takes.
fn ports(rule: &ResolvedRule<'_>) -> Vec<String> {
    let Some(ports) = &rule.ports else { return vec![String::new()] };
    let mut matches = Vec::new();
    for wanted in Protocol::ALL {
        let own: Vec<&PortRange> = ports.iter().filter(|range| range.protocol == wanted).collect();
        let name = protocol(wanted);
        if own.iter().any(|range| (range.first, range.last) == (0, u16::MAX)) {
            matches.push(format!("-p {name} "));
            continue;
        }
        for some in own.chunks(PORTS_AT_ONCE / 2) {
            let mut list = String::new();
            for range in some {
                let comma = if list.is_empty() { "" } else { "," };
                // Writing to a string cannot fail.
                match (range.first, range.last) {
                    (first, last) if first == last => write!(list, "{comma}{first}").ok(),
                    (first, last) => write!(list, "{comma}{first}:{last}").ok(),
                };
            }
            matches.push(format!("-p {name} -m multiport --dports {list} "));
        }
    }
    matches
}

const fn side(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "TO",
        Direction::Egress => "FROM",
    }
}

fn endpoint_chain(interface: &str, direction: Direction) -> String {
    format!("CALI-{}-{interface}", side(direction))
}

fn chain(number: usize, direction: Direction) -> String {
    let which = if direction == Direction::Ingress { "IN" } else { "OUT" };
    format!("CALI-{which}-{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_that_begin_alike_share_a_branch() {
        let mut out = Netfilter::default();
        dispatch(&mut out, "T", "-o", &["v0", "v10", "v11"], Direction::Ingress);
        let chain = |name: &str| out.chains.get(name).cloned().unwrap_or_default();
        assert_eq!(chain("T"), ["-o v0 -g CALI-TO-v0", "-o v1+ -g T-1", "-j DROP"]);
        assert_eq!(chain("T-1"), ["-o v10 -g CALI-TO-v10", "-o v11 -g CALI-TO-v11", "-j DROP"]);
    }
}
