//! nftables at its best: established connections first; then, for a pod that is isolated, one verdict map on (own address,
//! other address, protocol, port), which answers for all policies at once; interval sets for what is no single address and
//! port; a drop. A change is one transaction over the elements that differ.

use std::{collections::BTreeSet, fmt::Write as _, net::Ipv4Addr};

use enforcer::model::{Direction, Protocol};

use super::{
    super::{
        netfilter::protocol,
        resolved::{LocalPod, Resolved, ResolvedPeer, ResolvedRule},
    },
    disjoint::{Span, disjoint, union, without},
};

const TABLE: &str = "ip policies";
const SINGLE: &str = "ipv4_addr . ipv4_addr . inet_proto . inet_service";
const PAIR: &str = "ipv4_addr . ipv4_addr";

/// The elements of both directions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Nftables {
    ingress: Side,
    egress: Side,
}

/// Elements, as nft writes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Side {
    isolated: BTreeSet<String>,
    single: BTreeSet<String>,
    ranges: BTreeSet<String>,
    /// Of every protocol.
    any: BTreeSet<String>,
}

/// The elements of a cluster.
pub(in super::super) fn nftables(resolved: &Resolved<'_>) -> Nftables {
    let mut out = Nftables::default();
    for pod in &resolved.pods {
        for (direction, side) in
            [(Direction::Ingress, &mut out.ingress), (Direction::Egress, &mut out.egress)]
        {
            let mut rules = Vec::new();
            for (_, own) in resolved.isolating(pod, direction) {
                side.isolated.insert(pod.address.to_string());
                rules.extend(own);
            }
            side.add(pod, &rules);
        }
    }
    out
}

impl Side {
    fn add(&mut self, pod: &LocalPod, rules: &[&ResolvedRule<'_>]) {
        let own = pod.address;
        let mut any = Vec::new();
        let mut rectangles = Vec::new();
        for rule in rules {
            let Some(ports) = &rule.ports else {
                any.extend(remotes(rule));
                continue;
            };
            for port in ports {
                for remote in remotes(rule) {
                    if remote.0 == remote.1 && port.first == port.last {
                        let (remote, name) = (Ipv4Addr::from_bits(remote.0), protocol(port.protocol));
                        self.single.insert(format!("{own} . {remote} . {name} . {}", port.first));
                    } else {
                        let ports = (u32::from(port.first), u32::from(port.last));
                        rectangles.push((port.protocol, (remote, ports)));
                    }
                }
            }
        }
        for wanted in Protocol::ALL {
            let own_rectangles: Vec<_> =
                rectangles.iter().filter(|(protocol, _)| *protocol == wanted).map(|(_, it)| *it).collect();
            for (remote, (first, last)) in disjoint(&own_rectangles) {
                let (remote, name) = (addresses(remote), protocol(wanted));
                self.ranges.insert(format!("{own} . {remote} . {name} . {first}-{last}"));
            }
        }
        self.any.extend(union(any).into_iter().map(|remote| format!("{own} . {}", addresses(remote))));
    }
}

/// The other sides of a rule.
fn remotes(rule: &ResolvedRule<'_>) -> Vec<Span> {
    let Some(peers) = &rule.peers else { return vec![(0, u32::MAX)] };
    let mut remotes = Vec::new();
    for peer in peers {
        match peer {
            ResolvedPeer::Pods { addresses, .. } => {
                remotes.extend(addresses.iter().map(|address| (address.to_bits(), address.to_bits())));
            }
            ResolvedPeer::Block { cidr, except } => {
                let span = |net: &ipnet::Ipv4Net| (net.network().to_bits(), net.broadcast().to_bits());
                remotes.extend(without(span(cidr), &except.iter().map(span).collect::<Vec<_>>()));
            }
        }
    }
    remotes
}

fn addresses(span: Span) -> String {
    format!("{}-{}", Ipv4Addr::from_bits(span.0), Ipv4Addr::from_bits(span.1))
}

impl Nftables {
    /// Everything, as one transaction that replaces what is there.
    pub(in super::super) fn whole(&self) -> String {
        let mut text = format!("add table {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{\n");
        let mut forward = String::from("  type filter hook forward priority filter; policy accept;\n");
        forward.push_str("  ct state established,related accept\n");
        // Egress first: what it allows goes on to ingress.
        for (name, own, other, allowed, side) in [
            ("egress", "ip saddr", "ip daddr", "return", &self.egress),
            ("ingress", "ip daddr", "ip saddr", "accept", &self.ingress),
        ] {
            if side.isolated.is_empty() {
                continue;
            }
            let key = format!("{own} . {other} . meta l4proto . th dport");
            let pair = format!("{own} . {other}");
            let mut chain = format!("  {key} vmap @{name}_single\n");
            set(&mut text, &format!("{name}_isolated"), "ipv4_addr", "", &side.isolated);
            map(&mut text, &format!("{name}_single"), allowed, &side.single);
            // Rules that would never match cost as much as those that do.
            for (suffix, kind, key, elements) in
                [("ranges", SINGLE, key.as_str(), &side.ranges), ("any", PAIR, pair.as_str(), &side.any)]
            {
                if !elements.is_empty() {
                    set(&mut text, &format!("{name}_{suffix}"), kind, "flags interval;", elements);
                    line(&mut chain, &format!("  {key} @{name}_{suffix} {allowed}"));
                }
            }
            line(&mut text, &format!(" chain {name} {{\n{chain}  drop\n }}"));
            line(&mut forward, &format!("  {own} @{name}_isolated jump {name}"));
        }
        line(&mut text, &format!(" chain forward {{\n{forward} }}\n}}"));
        text
    }

    /// One transaction over the elements that differ; everything, where sets come or go.
    pub(in super::super) fn since(&self, old: &Self) -> String {
        let mut text = String::new();
        for (name, allowed, side, before) in [
            ("egress", "return", &self.egress, &old.egress),
            ("ingress", "accept", &self.ingress, &old.ingress),
        ] {
            let sets = [
                ("single", &side.single, &before.single),
                ("ranges", &side.ranges, &before.ranges),
                ("any", &side.any, &before.any),
            ];
            if side.isolated != before.isolated
                || room(side.single.len()) != room(before.single.len())
                || sets.iter().any(|(_, now, then)| now.is_empty() != then.is_empty())
            {
                return self.whole();
            }
            for (suffix, now, then) in sets {
                let verdict = if suffix == "single" { format!(" : {allowed}") } else { String::new() };
                let place = format!("element {TABLE} {name}_{suffix}");
                for (word, elements, verdict) in
                    [("delete", then.difference(now), ""), ("add", now.difference(then), verdict.as_str())]
                {
                    let elements: Vec<String> =
                        elements.map(|element| format!("{element}{verdict}")).collect();
                    if !elements.is_empty() {
                        line(&mut text, &format!("{word} {place} {{ {} }}", elements.join(", ")));
                    }
                }
            }
        }
        text
    }
}

/// The size of a map of so many elements: twice the room that they need, so that changes fit.
fn room(elements: usize) -> usize {
    (2 * elements).max(1024).next_power_of_two()
}

/// A verdict map. A fixed size gets the kernel's faster hash.
fn map(text: &mut String, name: &str, allowed: &str, elements: &BTreeSet<String>) {
    let size = room(elements.len());
    let elements: Vec<String> = elements.iter().map(|element| format!("{element} : {allowed}")).collect();
    block(text, "map", name, &format!("{SINGLE} : verdict; size {size};"), &elements);
}

fn set(text: &mut String, name: &str, kind: &str, flags: &str, elements: &BTreeSet<String>) {
    block(text, "set", name, &format!("{kind}; {flags}"), &elements.iter().cloned().collect::<Vec<_>>());
}

fn block(text: &mut String, what: &str, name: &str, kind: &str, elements: &[String]) {
    let elements = if elements.is_empty() {
        String::new()
    } else {
        format!("\n  elements = {{ {} }}", elements.join(", "))
    };
    line(text, &format!(" {what} {name} {{\n  type {kind}{elements}\n }}"));
}

/// Writing to a string cannot fail.
fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Nftables {
        /// Takes an element of ingress away; says whether there was one with these words.
        pub(in super::super::super) fn lack_one(&mut self, words: &str) -> bool {
            let single = &mut self.ingress.single;
            let found = single.iter().find(|element| element.ends_with(words)).cloned();
            found.is_some_and(|element| single.remove(&element))
        }
    }

    fn of(single: &[&str]) -> Nftables {
        let single = single.iter().map(|element| (*element).to_owned()).collect();
        let isolated = BTreeSet::from(["10.0.0.1".to_owned()]);
        Nftables { ingress: Side { isolated, single, ..Side::default() }, ..Nftables::default() }
    }

    #[test]
    fn a_change_is_the_elements_that_differ() {
        let (old, new) = (of(&["a . b . tcp . 1", "x"]), of(&["a . b . tcp . 2", "x"]));
        let text = new.since(&old);
        let place = "element ip policies ingress_single";
        assert_eq!(
            text,
            format!("delete {place} {{ a . b . tcp . 1 }}\nadd {place} {{ a . b . tcp . 2 : accept }}\n")
        );
        assert!(
            of(&[]).since(&old).contains("table ip policies {"),
            "a set that becomes empty is another layout"
        );
    }
}
