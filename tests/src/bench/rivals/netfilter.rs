//! Rules of iptables and sets of ipset as text for their `restore` programs: all at once, or what differs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
    net::Ipv4Addr,
};

use enforcer::model::{PortRange, Protocol};
use ipnet::Ipv4Net;

/// The built-in chain that every packet between two interfaces enters.
pub(super) const FORWARD: &str = "FORWARD";

/// The kind of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SetKind {
    /// Addresses.
    Ip,
    /// Prefixes, with exceptions.
    Net,
}

impl fmt::Display for SetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ip => "hash:ip",
            Self::Net => "hash:net",
        })
    }
}

/// A set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Set {
    pub(super) kind: SetKind,
    /// As `ipset add` takes them.
    pub(super) members: BTreeSet<String>,
}

impl Set {
    /// Addresses.
    pub(super) fn of(kind: SetKind, addresses: &BTreeSet<Ipv4Addr>) -> Self {
        Self { kind, members: addresses.iter().map(ToString::to_string).collect() }
    }

    /// Adds a block less its exceptions. ipset has no prefix of length 0, so that is two halves.
    pub(super) fn add_block(&mut self, cidr: Ipv4Net, except: &[Ipv4Net]) {
        if cidr.prefix_len() == 0 {
            self.members.extend(["0.0.0.0/1", "128.0.0.0/1"].map(str::to_owned));
        } else {
            self.members.insert(cidr.to_string());
        }
        self.members.extend(except.iter().map(|net| format!("{net} nomatch")));
    }
}

/// A table of rules and its sets, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Netfilter {
    pub(super) sets: BTreeMap<String, Set>,
    /// The chains of the table `filter`, each with its rules without the `-A CHAIN`.
    pub(super) chains: BTreeMap<String, Vec<String>>,
}

/// Input for the programs, in the order in which they run. What is empty is not run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Update {
    /// For `ipset restore`.
    pub(super) sets: String,
    /// For `iptables-restore`.
    pub(super) rules: String,
    /// Whether the rules are a difference (`--noflush`).
    pub(super) keeps: bool,
    /// For `ipset restore`, once no rule names what goes.
    pub(super) leftovers: String,
}

impl Netfilter {
    /// A rule at the end of a chain, which comes with it.
    pub(super) fn rule(&mut self, chain: &str, rule: impl Into<String>) {
        self.chains.entry(chain.to_owned()).or_default().push(rule.into());
    }

    /// Everything, each set filled beside the old one and swapped: what is there stays in force meanwhile.
    pub(super) fn whole(&self) -> Update {
        let mut sets = String::new();
        for (name, set) in &self.sets {
            let filled = format!("new-{name}");
            put_set(&mut sets, &filled, set);
            line(&mut sets, format_args!("create {name} {} family inet", set.kind));
            line(&mut sets, format_args!("swap {filled} {name}"));
            line(&mut sets, format_args!("destroy {filled}"));
        }
        Update { sets, rules: table(&self.chains, |_| true, &[]), ..Update::default() }
    }

    /// What differs from an earlier state: members of sets one by one, chains as a whole.
    pub(super) fn since(&self, old: &Self) -> Update {
        let mut update = Update { keeps: true, ..Update::default() };
        for (name, set) in &self.sets {
            let Some(before) = old.sets.get(name) else {
                put_set(&mut update.sets, name, set);
                continue;
            };
            for gone in before.members.difference(&set.members) {
                let member = gone.split_whitespace().next().unwrap_or(gone);
                line(&mut update.sets, format_args!("del {name} {member}"));
            }
            for new in set.members.difference(&before.members) {
                line(&mut update.sets, format_args!("add {name} {new}"));
            }
        }
        for name in old.sets.keys().filter(|name| !self.sets.contains_key(*name)) {
            line(&mut update.leftovers, format_args!("destroy {name}"));
        }
        let gone: Vec<&String> = old.chains.keys().filter(|name| !self.chains.contains_key(*name)).collect();
        if self.chains != old.chains {
            update.rules = table(&self.chains, |name| self.chains.get(name) != old.chains.get(name), &gone);
        }
        update
    }
}

fn put_set(text: &mut String, name: &str, set: &Set) {
    line(text, format_args!("create {name} {} family inet", set.kind));
    for member in &set.members {
        line(text, format_args!("add {name} {member}"));
    }
}

/// Chains for `iptables-restore`. A chain that is named is emptied first; a built-in one has to be told.
fn table(chains: &BTreeMap<String, Vec<String>>, wanted: impl Fn(&str) -> bool, gone: &[&String]) -> String {
    let mut text = String::from("*filter\n");
    let chosen: Vec<(&String, &Vec<String>)> = chains.iter().filter(|(name, _)| wanted(name)).collect();
    for (name, _) in &chosen {
        let policy = if *name == FORWARD { "ACCEPT" } else { "-" };
        line(&mut text, format_args!(":{name} {policy} [0:0]"));
    }
    for name in gone {
        line(&mut text, format_args!(":{name} - [0:0]"));
    }
    for (name, rules) in &chosen {
        if *name == FORWARD {
            line(&mut text, format_args!("-F {name}"));
        }
        for rule in *rules {
            line(&mut text, format_args!("-A {name} {rule}"));
        }
    }
    for name in gone {
        line(&mut text, format_args!("-X {name}"));
    }
    text.push_str("COMMIT\n");
    text
}

/// A match on a destination port.
pub(super) fn port_match(range: &PortRange) -> String {
    let protocol = protocol(range.protocol);
    match (range.first, range.last) {
        (0, u16::MAX) => format!("-p {protocol}"),
        (first, last) if first == last => format!("-p {protocol} --dport {first}"),
        (first, last) => format!("-p {protocol} --dport {first}:{last}"),
    }
}

/// A protocol, as iptables and nft call it.
pub(super) fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Sctp => "sctp",
    }
}

/// Writing to a string cannot fail.
fn line(text: &mut String, arguments: fmt::Arguments<'_>) {
    text.write_fmt(arguments).ok();
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(rules: &[&str], members: &[&str]) -> Netfilter {
        let mut state = Netfilter::default();
        state.rule(FORWARD, "-j POLICY");
        for rule in rules {
            state.rule("POLICY", *rule);
        }
        let members = members.iter().map(|member| (*member).to_owned()).collect();
        state.sets.insert("peers".to_owned(), Set { kind: SetKind::Net, members });
        state
    }

    #[test]
    fn a_difference_names_what_differs() {
        let old = state(&["-j DROP"], &["10.0.0.0/8", "10.1.0.0/16 nomatch"]);
        let new = state(&["-j ACCEPT"], &["10.0.0.0/8", "10.2.0.0/16"]);
        let update = new.since(&old);
        assert_eq!(update.sets, "del peers 10.1.0.0/16\nadd peers 10.2.0.0/16\n");
        assert_eq!(update.rules, "*filter\n:POLICY - [0:0]\n-A POLICY -j ACCEPT\nCOMMIT\n");
        assert!(update.keeps && update.leftovers.is_empty());
        assert_eq!(old.since(&old), Update { keeps: true, ..Update::default() });
    }

    #[test]
    fn the_whole_swaps_sets_and_names_all_chains() {
        let update = state(&["-j DROP"], &["10.0.0.0/8"]).whole();
        let [filled, created, swapped] =
            ["add new-peers 10", "create peers", "swap new-peers peers"].map(|text| update.sets.find(text));
        assert!(filled.is_some() && filled < created && created < swapped, "{}", update.sets);
        assert!(update.rules.contains("-A FORWARD -j POLICY\n-A POLICY -j DROP\n"), "{}", update.rules);
    }

    #[test]
    fn all_addresses_are_two_halves() {
        let mut set = Set { kind: SetKind::Net, members: BTreeSet::new() };
        set.add_block(Ipv4Net::default(), &[]);
        assert_eq!(set.members.len(), 2);
    }
}
