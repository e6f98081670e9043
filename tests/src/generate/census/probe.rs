//! Constructs of questions, and their answers.

use std::net::IpAddr;

use enforcer::{
    model::{Direction, Peer, Ports, Rule},
    store::Cluster,
};

use super::{Census, Construct as C};
use crate::{
    generate::Probe,
    oracle::{Answer, judge, owner},
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
    census.note(match judge(cluster, &question) {
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
        Ports::Listed(list) => list.iter().any(|entry| entry.first == port || entry.last == port),
    }
}
