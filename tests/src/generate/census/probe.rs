//! Constructs of questions, and their answers.

use std::{collections::BTreeSet, net::IpAddr};

use enforcer::{
    model::{Direction, NamedPort, Peer, PortMatch, Ports, Rule},
    store::Cluster,
};

use super::{Census, Construct as C, port};
use crate::{
    generate::Probe,
    oracle::{Answer, Question, RuleName, judge, owner},
};

pub(super) fn count(census: &mut Census, cluster: &Cluster, probe: &Probe) {
    let Some(question) = probe.question(cluster) else { return };
    census.note_if(question.subject.addresses.contains(&probe.remote), C::ProbeSelf);
    let claimed = cluster.pods.values().any(|pod| pod.addresses.contains(&probe.remote));
    census.note(match (owner(cluster, probe.remote), claimed) {
        (Some(_), _) => C::ProbePod,
        (None, true) => C::ProbeDisowned,
        (None, false) => C::ProbeUnknown,
    });
    census.note(match probe.protocol {
        6 => C::ProbeTcp,
        17 => C::ProbeUdp,
        132 => C::ProbeSctp,
        1 => C::ProbeIcmp,
        58 => C::ProbeIcmpV6,
        _ => C::ProbeOther,
    });
    let rules: Vec<&Rule> = cluster
        .policies
        .values()
        .flat_map(|policy| Direction::ALL.map(|direction| policy.rules(direction)))
        .flatten()
        .flatten()
        .collect();
    census.note_if(rules.iter().any(|rule| has_edge(rule, probe.remote)), C::ProbeEdge);
    let at_edge = |port| rules.iter().any(|rule| has_port_edge(rule, port));
    census.note_if(probe.port.is_some_and(at_edge), C::ProbePortEdge);
    count_names(census, cluster, &question, &rules);
    let answer = judge(cluster, &question);
    if let Answer::Allowed { by } = &answer {
        count_named(census, cluster, &question, by);
    }
    census.note(match answer {
        Answer::NotIsolated => C::ProbeNotIsolated,
        Answer::Allowed { by } if by.len() == 1 => C::ProbeAllowedOnce,
        Answer::Allowed { .. } => C::ProbeAllowedOften,
        Answer::Denied { .. } => C::ProbeDenied,
    });
}

fn has_edge(rule: &Rule, address: IpAddr) -> bool {
    rule.peers.iter().flatten().any(|peer| match peer {
        Peer::IpBlock(block) => std::iter::once(&block.cidr)
            .chain(&block.except)
            .any(|net| net.network() == address || net.broadcast() == address),
        Peer::Pods { .. } => false,
    })
}

fn has_port_edge(rule: &Rule, port: u16) -> bool {
    match &rule.ports {
        Ports::Any => false,
        Ports::Listed(list) => list.iter().any(|entry| match entry {
            PortMatch::Range(range) => range.first == port || range.last == port,
            PortMatch::Named(_) => false,
        }),
    }
}

/// What the destination port has to do with the named ports of rules of the question's direction.
fn count_names(census: &mut Census, cluster: &Cluster, question: &Question<'_>, rules: &[&Rule]) {
    let Some(asked) = question.port else { return };
    let destination = match question.direction {
        Direction::Ingress => Some(question.subject),
        Direction::Egress => owner(cluster, question.remote),
    };
    let own = || destination.into_iter().flat_map(|pod| &pod.ports).filter(|port| port.port == asked);
    for named in rules.iter().flat_map(|rule| names(rule)) {
        let is_own = own().any(|port| port::is_of(port, named));
        let of_protocol = question.protocol == named.protocol.number();
        let others = || cluster.pods.values().flat_map(|pod| &pod.ports).filter(|port| port.port == asked);
        census.note_if(is_own && of_protocol, C::ProbePortNamed);
        census.note_if(is_own && !of_protocol, C::ProbePortOtherProtocol);
        let elsewhere = !is_own && others().any(|port| port::is_of(port, named));
        census.note_if(elsewhere && of_protocol, C::ProbePortElsewhere);
    }
}

/// Allowed by a rule that has no such number.
fn count_named(census: &mut Census, cluster: &Cluster, question: &Question<'_>, by: &BTreeSet<RuleName>) {
    for (policy, direction, index) in by {
        let policy = cluster.policies.get(policy);
        let rule = policy.and_then(|policy| policy.rules(*direction)).and_then(|rules| rules.get(*index));
        let has_number = |entry: &PortMatch| match entry {
            PortMatch::Named(_) => false,
            PortMatch::Range(range) => {
                let covered = |port| range.first <= port && port <= range.last;
                range.protocol.number() == question.protocol && question.port.is_some_and(covered)
            }
        };
        let is_by_name = rule.is_some_and(|rule| match &rule.ports {
            Ports::Any => false,
            Ports::Listed(list) => !list.iter().any(has_number),
        });
        census.note_if(
            is_by_name,
            match direction {
                Direction::Ingress => C::ProbeAllowedNamedIn,
                Direction::Egress => C::ProbeAllowedNamedOut,
            },
        );
    }
}

fn names(rule: &Rule) -> impl Iterator<Item = &NamedPort> {
    let list = match &rule.ports {
        Ports::Any => None,
        Ports::Listed(list) => Some(list),
    };
    list.into_iter().flatten().filter_map(|entry| match entry {
        PortMatch::Range(_) => None,
        PortMatch::Named(named) => Some(named),
    })
}
