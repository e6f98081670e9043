//! What a subject's Services remember: where flows that are open may stay though no new one may open.

use std::{collections::BTreeSet, net::IpAddr};

use enforcer::{
    model::{Direction, ObjectName, Peer, Pod, Policy, Ports, Protocol, Rule},
    store::Cluster,
};

use crate::oracle::{Question, judge, selection, service};

/// "The rule decides *opening*: it is asked again only when policies change, never because endpoints changed … rows
/// therefore know three verdicts: allow, deny, *deny new but keep old*" (3.8).
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    policies: Vec<(ObjectName, Vec<Rule>)>,
    kept: BTreeSet<(IpAddr, Protocol, u16)>,
}

impl Memory {
    /// Whether what is open at this point may stay.
    pub(super) fn keeps(&self, remote: IpAddr, protocol: u8, port: Option<u16>) -> bool {
        let Some(protocol) = Protocol::ALL.into_iter().find(|known| known.number() == protocol) else {
            return false;
        };
        port.is_some_and(|port| self.kept.contains(&(remote, protocol, port)))
    }

    /// Whether the policies are the same.
    pub(super) fn has_policies_of(&self, other: &Self) -> bool {
        self.policies == other.policies
    }

    /// The memory after a change from `before`, `None` at the start.
    pub(super) fn after(&self, before: Option<(&Cluster, &Pod)>, cluster: &Cluster, subject: &Pod) -> Self {
        let policies = policies(cluster, subject);
        let before = before.filter(|_| policies == self.policies);
        let opens = |cluster: &Cluster, subject: &Pod, (remote, protocol, port): (IpAddr, Protocol, u16)| {
            let (protocol, port) = (protocol.number(), Some(port));
            judge(cluster, &Question { direction: Direction::Egress, subject, remote, protocol, port })
                .passes()
        };
        let mut kept = BTreeSet::new();
        for point in service::points(cluster) {
            if opens(cluster, subject, point) {
                continue;
            }
            let stays = match before {
                // Not asked again: what stood goes on standing.
                Some((old, pod)) => opens(old, pod, point) || self.kept.contains(&point),
                // Asked again: "none: denied".
                None => false,
            };
            if stays {
                kept.insert(point);
            }
        }
        Self { policies, kept }
    }
}

/// What all policies that select the subject say of what it opens, in one way of writing it.
fn policies(cluster: &Cluster, subject: &Pod) -> Vec<(ObjectName, Vec<Rule>)> {
    let selects = |policy: &&Policy| {
        policy.name.namespace == subject.name.namespace
            && selection::matches(&policy.pod_selector, &subject.labels)
    };
    let egress = |policy: &Policy| Some((policy.name.clone(), tidy(policy.egress.clone()?)));
    cluster.policies.values().filter(selects).filter_map(egress).collect()
}

/// Neither the order of peers, exceptions and ports nor their repetition means anything.
fn tidy(mut rules: Vec<Rule>) -> Vec<Rule> {
    for rule in &mut rules {
        if let Ports::Listed(ports) = &mut rule.ports {
            ports.sort();
            ports.dedup();
        }
        if let Some(peers) = &mut rule.peers {
            for peer in peers.iter_mut() {
                if let Peer::IpBlock(block) = peer {
                    block.except.sort();
                    block.except.dedup();
                }
            }
            peers.sort();
            peers.dedup();
        }
    }
    rules
}
