//! In the middle of a change: after every single write each packet gets its old verdict or its new one, never a third
//! (DESIGN section 5). First packets, which open flows, and packets of flows that were opened before.

use std::{collections::BTreeSet, ops::Add};

use anyhow::ensure;
use enforcer::{
    compile::compile,
    model::{Endpoint, Pod},
    plan::{MapImage, TableImage, diff, plan},
    store::Cluster,
};
use enforcer_common::packet::Origin;

use super::endpoints;
use crate::{
    frame::{self, Packet, SctpChunk, TcpFlags, Transport},
    generate::Probe,
    node::{At, Host, Node, Target, tuple_of},
};

/// How many packets were judged in the middle of changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Judged {
    /// First packets, each without a flow.
    pub first: u64,
    /// Packets of flows that were open when the change began.
    pub of_flows: u64,
    /// Of these, how many belong to flows whose verdict the change turns.
    pub turned: u64,
}

impl Judged {
    /// All packets.
    #[must_use]
    pub fn all(self) -> u64 {
        self.first + self.of_flows
    }
}

impl Add for Judged {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            first: self.first + other.first,
            of_flows: self.of_flows + other.of_flows,
            turned: self.turned + other.turned,
        }
    }
}

/// A packet at an endpoint's interface.
type Crossing = (Packet, u32);

/// Applies the change between two clusters one op at a time and judges packets after each. With `only`, each pod in
/// turn has this interface, the only one of a kernel's test runs.
///
/// # Errors
/// With the op and the packet, where a third verdict shows.
pub fn compare_steps<T: Target>(
    node: &mut Node<T>,
    [before, after]: [&Cluster; 2],
    probes: &[Probe],
    only: Option<u32>,
) -> anyhow::Result<Judged> {
    // Endpoints that stay: their interface and addresses are the same before and after.
    let stays = |endpoint: &Endpoint| after.pods.get(&endpoint.pod).is_some_and(Pod::is_on_pod_network);
    let local: Vec<Endpoint> = endpoints(before, 1).into_iter().filter(stays).collect();
    let mut judged = Judged::default();
    match only {
        None => compare_at(node, [before, after], probes, &local, &mut judged)?,
        Some(interface_index) => {
            for endpoint in local {
                let endpoint = Endpoint { interface_index, ..endpoint };
                compare_at(node, [before, after], probes, &[endpoint], &mut judged)?;
            }
        }
    }
    Ok(judged)
}

fn compare_at<T: Target>(
    node: &mut Node<T>,
    [before, after]: [&Cluster; 2],
    probes: &[Probe],
    local: &[Endpoint],
    judged: &mut Judged,
) -> anyhow::Result<()> {
    let first = openings(probes, local);
    node.target.forget_flows()?;
    node.update(before, local)?;
    let old = fresh_verdicts(&mut node.target, &first)?;
    let wanted = settle(node.image.clone(), after, local)?.tables;
    let new = fresh_verdicts(&mut Host::with(wanted), &first)?;
    judged.first += walk(node, after, local, &first, [&old, &new], fresh_verdicts)?;

    node.target.forget_flows()?;
    node.update(before, local)?;
    let opened = open(&mut node.target, &first)?;
    let follow: Vec<Crossing> = opened.iter().flat_map(follow_up).collect();
    let wanted = settle(node.image.clone(), after, local)?.tables;
    let old = vec!["pass".to_owned(); follow.len()];
    let new = after_the_change(&node.image.tables, wanted, &opened, &follow)?;
    judged.of_flows += walk(node, after, local, &follow, [&old, &new], verdicts)?;
    judged.turned += new.iter().filter(|verdict| *verdict != "pass").count() as u64;
    let last = verdicts(&mut node.target, &follow)?;
    ensure!(last == new, "after the change flows have {last:?}, not {new:?}");
    Ok(())
}

/// The packets of probes at the endpoints of their subjects, from each of their addresses.
fn openings(probes: &[Probe], local: &[Endpoint]) -> Vec<Crossing> {
    let mut openings = Vec::new();
    for probe in probes {
        for endpoint in local.iter().filter(|endpoint| endpoint.pod == probe.subject) {
            let packets = endpoint.addresses.iter().filter_map(|local| probe.packet(*local));
            openings.extend(packets.map(|packet| (packet, endpoint.interface_index)));
        }
    }
    openings
}

/// Goes from what the node has to a cluster, and judges after each op.
fn walk<T: Target>(
    node: &mut Node<T>,
    after: &Cluster,
    local: &[Endpoint],
    crossings: &[Crossing],
    [old, new]: [&[String]; 2],
    judge: impl Fn(&mut T, &[Crossing]) -> anyhow::Result<Vec<String>>,
) -> anyhow::Result<u64> {
    let compiled = compile(after, local);
    let mut judged = 0;
    for _ in 0..4 {
        let next = plan(&node.image, &compiled)?;
        for op in diff(&node.image, &next.image) {
            node.target.write(&op)?;
            let now = judge(&mut node.target, crossings)?;
            judged += now.len() as u64;
            for (index, verdict) in now.iter().enumerate() {
                let allowed = [old.get(index), new.get(index)];
                ensure!(
                    allowed.contains(&Some(verdict)),
                    "after {op:?}, {:?} gets {verdict}; before and after the change it gets {allowed:?}",
                    crossings.get(index),
                );
            }
        }
        if let Some(tables) = node.target.tables() {
            content_is(tables, &next.image)?;
        }
        node.image = next.image;
        node.image.release();
        if next.settled {
            return Ok(judged);
        }
    }
    anyhow::bail!("the plan does not settle")
}

/// Opens what may be opened, and has it answered. One flow for each key.
fn open<T: Target>(target: &mut T, first: &[Crossing]) -> anyhow::Result<Vec<Crossing>> {
    let mut opened = Vec::new();
    let mut keys = BTreeSet::new();
    for (packet, interface) in first {
        let is_new = keys.insert(tuple_of(packet, *interface));
        if is_new && verdict(target, &(*packet, *interface))? == "pass" {
            for crossing in follow_up(&(*packet, *interface)) {
                let answer = verdict(target, &crossing)?;
                ensure!(answer == "pass", "{crossing:?} of an allowed flow: {answer}");
            }
            opened.push((*packet, *interface));
        }
    }
    Ok(opened)
}

/// The verdicts of flows that were opened under one image, when it has become another at once.
fn after_the_change(
    before: &TableImage,
    after: TableImage,
    opened: &[Crossing],
    follow: &[Crossing],
) -> anyhow::Result<Vec<String>> {
    let mut host = Host::with(before.clone());
    let same = open(&mut host, opened)?;
    ensure!(same.len() == opened.len(), "the host opens other flows");
    host.tables.image = after;
    verdicts(&mut host, follow)
}

/// What comes after a flow's first packet: more of its sender, and an answer.
fn follow_up((first, interface): &Crossing) -> [Crossing; 2] {
    let (more, answer) = match first.transport {
        Transport::Tcp { local, remote, .. } => {
            let segment = Transport::Tcp { local, remote, flags: TcpFlags::ACK };
            (segment, segment)
        }
        Transport::Sctp { local, remote, .. } => {
            let data = Transport::Sctp { local, remote, chunk: SctpChunk::DATA };
            (data, data)
        }
        Transport::Icmp { code, identifier, .. } => {
            let kind = if first.local.is_ipv4() { 0 } else { 129 };
            (first.transport, Transport::Icmp { kind, code, identifier })
        }
        Transport::Udp { .. } | Transport::Other { .. } => (first.transport, first.transport),
    };
    let more = Packet { transport: more, ..*first };
    let answer = Packet { transport: answer, ..*first }.reversed();
    [(more, *interface), (answer, *interface)]
}

/// The host's tables hold what the image says; intervals that no row leads to do not count.
fn content_is(tables: &TableImage, image: &MapImage) -> anyhow::Result<()> {
    let mut tables = tables.clone();
    for row in image.tables.rows.values() {
        ensure!(tables.content(*row) == image.tables.content(*row), "the intervals of {row:?} differ");
    }
    tables.intervals.clone_from(&image.tables.intervals);
    ensure!(tables == image.tables, "apply(diff(a, b), a) is not b: {tables:?} {:?}", image.tables);
    Ok(())
}

fn settle(mut image: MapImage, cluster: &Cluster, local: &[Endpoint]) -> anyhow::Result<MapImage> {
    let compiled = compile(cluster, local);
    for _ in 0..4 {
        let next = plan(&image, &compiled)?;
        image = next.image;
        image.release();
        if next.settled {
            return Ok(image);
        }
    }
    anyhow::bail!("the plan does not settle")
}

/// The verdicts of packets, each without a flow.
fn fresh_verdicts<T: Target>(target: &mut T, crossings: &[Crossing]) -> anyhow::Result<Vec<String>> {
    let each = crossings.iter().map(|crossing| {
        let verdict = verdict(target, crossing)?;
        target.forget_flow(&tuple_of(&crossing.0, crossing.1))?;
        Ok(verdict)
    });
    each.collect()
}

/// The verdicts of packets one after the other, with the flows that are there.
fn verdicts<T: Target>(target: &mut T, crossings: &[Crossing]) -> anyhow::Result<Vec<String>> {
    crossings.iter().map(|crossing| verdict(target, crossing)).collect()
}

/// What passes, and if not the reason.
fn verdict<T: Target>(target: &mut T, (packet, interface): &Crossing) -> anyhow::Result<String> {
    let frame = frame::ethernet(packet);
    let (direction, origin) = (packet.direction.into(), Origin::Elsewhere);
    let seen = target.judge(&At { frame: &frame, interface: *interface, direction, origin })?;
    Ok(match seen.event {
        None => "pass".to_owned(),
        Some(event) => format!("drop for reason {}", event.reason),
    })
}
