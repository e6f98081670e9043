//! First packets: the oracle's answer against the planned image, also after a change that failed.

use std::collections::BTreeSet;

use anyhow::Context as _;
use enforcer::{
    compile::compile,
    model::{Direction, Endpoint, Protocol},
    plan::{Kept, MapImage, MapOp, diff, plan},
    store::Cluster,
};

use super::{agree, endpoints};
use crate::{
    frame,
    generate::{Case, Probe},
    node::{Host, Node, Target},
    oracle::{Question, flow::Key, judge, service, with_endpoints},
};

/// Judges every probe of a case on the node and by the oracle. Returns how many packets were compared.
///
/// # Errors
/// With the probe, where they differ.
pub fn compare_case<T: Target>(node: &mut Node<T>, case: &Case, only: Option<u32>) -> anyhow::Result<u64> {
    let mut compared = 0;
    match only {
        None => {
            let endpoints = endpoints(&case.cluster, 1);
            compared += compare_at(node, case, &endpoints)?;
        }
        // One interface can be tried at a time: give it to each pod in turn.
        Some(interface) => {
            for mut endpoint in endpoints(&case.cluster, 1) {
                endpoint.interface_index = interface;
                compared += compare_at(node, case, &[endpoint])?;
            }
        }
    }
    Ok(compared)
}

fn compare_at<T: Target>(node: &mut Node<T>, case: &Case, endpoints: &[Endpoint]) -> anyhow::Result<u64> {
    node.update(&case.cluster, endpoints)?;
    let known = with_endpoints(&case.cluster, endpoints);
    let mut compared = 0;
    for (probe, endpoint, bytes) in packets(&case.probes, endpoints) {
        let Some(question) = probe.question(&known) else { continue };
        node.target.forget_flows()?;
        let seen = node.judge(&bytes, endpoint.interface_index, probe.direction)?;
        agree(node, &seen, probe.direction, &judge(&known, &question))
            .with_context(|| format!("{probe:?}"))?;
        compared += 1;
    }
    Ok(compared)
}

/// The packets of probes at the endpoints of their subjects, from each of their addresses.
fn packets<'a>(
    probes: &'a [Probe],
    endpoints: &'a [Endpoint],
) -> impl Iterator<Item = (&'a Probe, &'a Endpoint, Vec<u8>)> {
    probes.iter().flat_map(move |probe| {
        let of_subject = endpoints.iter().filter(|endpoint| endpoint.pod == probe.subject);
        of_subject.flat_map(move |endpoint| {
            let packets = endpoint.addresses.iter().filter_map(|local| probe.packet(*local));
            packets.map(move |packet| (probe, endpoint, frame::ethernet(&packet)))
        })
    })
}

/// What becomes of an agent in the middle of a change.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// A write fails, and it goes on.
    GoesOn,
    /// It is killed; the next one finds the tables and what was kept.
    Killed,
    /// It is killed, and what was kept is lost.
    Forgotten,
}

impl Fate {
    const ALL: [Self; 3] = [Self::GoesOn, Self::Killed, Self::Forgotten];

    /// The image from which the next plan starts, after so many writes.
    fn image(self, mut image: MapImage, planned: MapImage, ops: &[MapOp], done: usize) -> MapImage {
        let kept = Kept::of(&image, &planned);
        let mut adopt = |kept| {
            ops.iter().take(done).for_each(|op| image.tables.apply(op));
            MapImage::adopt(image.tables.clone(), kept)
        };
        match self {
            Self::Killed => adopt(Some(&kept)),
            Self::Forgotten => adopt(None),
            Self::GoesOn => {
                image.recover(planned, ops, done);
                image
            }
        }
    }
}

/// Opens flows under `before`, fails in the middle of the change to `between`, and goes on to `after`: every packet,
/// with the flows that are there, gets the verdict of `after`, also where the agent was killed. `cut` chooses where the
/// writes fail. Returns how many packets were judged.
///
/// # Errors
/// With the probe that gets another verdict.
pub fn compare_recovery(
    clusters: [&Cluster; 3],
    probes: &[Probe],
    cut: proptest::sample::Index,
) -> anyhow::Result<u64> {
    let judged = Fate::ALL.into_iter().map(|fate| {
        recover(clusters, probes, cut, fate).with_context(|| format!("what becomes of the agent: {fate:?}"))
    });
    judged.sum()
}

fn recover(
    [before, between, after]: [&Cluster; 3],
    probes: &[Probe],
    cut: proptest::sample::Index,
    fate: Fate,
) -> anyhow::Result<u64> {
    let stays = |endpoint: &Endpoint| {
        [between, after].iter().all(|cluster| {
            cluster.pods.get(&endpoint.pod).is_some_and(enforcer::model::Pod::is_on_pod_network)
        })
    };
    let local: Vec<Endpoint> = endpoints(before, 1).into_iter().filter(stays).collect();
    let probes = &strangers(probes, &local);
    let mut node = Node::new(Host::default());
    node.update(before, &local)?;
    let mut open = Vec::new();
    for (probe, endpoint, bytes) in packets(probes, &local) {
        open.push(node.judge(&bytes, endpoint.interface_index, probe.direction)?.passed);
    }

    let planned = plan(&node.image, &compile(between, &local))?.image;
    let ops = diff(&node.image, &planned);
    let done = cut.index(ops.len() + 1);
    for op in ops.iter().take(done) {
        node.target.write(op)?;
    }
    node.image = fate.image(node.image, planned, &ops, done);
    node.update(after, &local)?;

    let known = with_endpoints(after, &local);
    let mut judged = 0;
    for ((probe, endpoint, bytes), was_open) in packets(probes, &local).zip(open) {
        let Some(question) = probe.question(&known) else { continue };
        let seen = node.judge(&bytes, endpoint.interface_index, probe.direction)?;
        let answer = judge(&known, &question);
        // How much of the change in between was in force decides whether its policies had asked again.
        let may_stay = was_open && is_to_service(&known, &question);
        anyhow::ensure!(
            seen.passed == answer.passes() || (seen.passed && may_stay),
            "after {done} of {} writes failed, {probe:?}: the oracle says {answer:?}, but it is {seen}",
            ops.len(),
        );
        judged += 1;
    }
    Ok(judged)
}

fn is_to_service(cluster: &Cluster, question: &Question<'_>) -> bool {
    let protocol = Protocol::ALL.into_iter().find(|known| known.number() == question.protocol);
    match (question.direction, protocol, question.port) {
        (Direction::Egress, Some(protocol), Some(port)) => {
            service::behind(cluster, question.remote, protocol, port).is_some()
        }
        _ => false,
    }
}

/// The probes no two of which ask about one flow: the second would not open anything, but answer the first.
fn strangers(probes: &[Probe], local: &[Endpoint]) -> Vec<Probe> {
    let mut flows = BTreeSet::new();
    let mut is_stranger = |probe: &&Probe| {
        let of_subject = local.iter().filter(|endpoint| endpoint.pod == probe.subject);
        let flow_at =
            |endpoint: &Endpoint, own| Some((endpoint.interface_index, Key::of(&probe.packet(own)?)));
        let own: Vec<_> = of_subject
            .flat_map(|endpoint| endpoint.addresses.iter().filter_map(|own| flow_at(endpoint, *own)))
            .collect();
        let is_new = own.iter().all(|flow| !flows.contains(flow));
        flows.extend(own);
        is_new
    };
    probes.iter().filter(|probe| is_stranger(probe)).cloned().collect()
}
