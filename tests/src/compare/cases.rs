//! First packets: the oracle's answer against the planned image, also in the middle of a change.

use std::collections::BTreeSet;

use anyhow::Context as _;
use enforcer::{
    compile::compile,
    model::Endpoint,
    plan::{MapImage, diff, plan},
    store::Cluster,
};

use super::{agree, endpoints};
use crate::{
    frame,
    generate::{Case, Probe},
    node::{At, Host, Node, Target},
    oracle::{flow::Key, judge, with_endpoints},
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

/// Applies the change between two clusters one op at a time and judges every probe after each: the verdict must be
/// that of the cluster before or of the cluster after. Returns how many packets were judged.
///
/// # Errors
/// With the op and the probe, where a third verdict shows.
pub fn compare_steps(before: &Cluster, after: &Cluster, probes: &[Probe]) -> anyhow::Result<u64> {
    // Endpoints that stay: their interface and addresses are the same before and after.
    let stays = |endpoint: &Endpoint| {
        after.pods.get(&endpoint.pod).is_some_and(enforcer::model::Pod::is_on_pod_network)
    };
    let local: Vec<Endpoint> = endpoints(before, 1).into_iter().filter(stays).collect();
    let mut image = settle(MapImage::default(), before, &local)?;
    let mut host = Host::with(image.tables.clone());
    let old = verdicts(&mut host, probes, &local)?;
    let wanted = settle(image.clone(), after, &local)?;
    let new = verdicts(&mut Host::with(wanted.tables), probes, &local)?;

    let compiled = compile(after, &local);
    let mut judged = 0;
    for _ in 0..4 {
        let next = plan(&image, &compiled)?;
        for op in diff(&image, &next.image) {
            host.write(&op)?;
            let now = verdicts(&mut host, probes, &local)?;
            judged += now.len() as u64;
            for (index, passed) in now.iter().enumerate() {
                let allowed = [old.get(index), new.get(index)];
                anyhow::ensure!(
                    allowed.contains(&Some(passed)),
                    "after {op:?}, packet {index} gets {passed}; before and after the change it gets {:?}\n{:?}",
                    old.get(index),
                    packets(probes, &local).nth(index).map(|(probe, endpoint, _)| (probe, &endpoint.pod)),
                );
            }
        }
        content_is(&host, &next.image)?;
        image = next.image;
        image.release();
        if next.settled {
            return Ok(judged);
        }
    }
    anyhow::bail!("the plan does not settle")
}

/// Opens flows under `before`, fails in the middle of the change to `between`, and goes on to `after`: every packet,
/// with the flows that are there, gets the verdict of `after`. `cut` chooses where the writes fail. Returns how
/// many packets were judged.
///
/// # Errors
/// With the probe that gets another verdict.
pub fn compare_recovery(
    [before, between, after]: [&Cluster; 3],
    probes: &[Probe],
    cut: proptest::sample::Index,
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
    for (probe, endpoint, bytes) in packets(probes, &local) {
        node.judge(&bytes, endpoint.interface_index, probe.direction)?;
    }

    let planned = plan(&node.image, &compile(between, &local))?.image;
    let ops = diff(&node.image, &planned);
    let done = cut.index(ops.len() + 1);
    for op in ops.iter().take(done) {
        node.target.write(op)?;
    }
    node.image.recover(planned, &ops, done);
    node.update(after, &local)?;

    let known = with_endpoints(after, &local);
    let mut judged = 0;
    for (probe, endpoint, bytes) in packets(probes, &local) {
        let Some(question) = probe.question(&known) else { continue };
        let seen = node.judge(&bytes, endpoint.interface_index, probe.direction)?;
        let answer = judge(&known, &question);
        anyhow::ensure!(
            seen.passed == answer.passes(),
            "after {done} of {} writes failed, {probe:?}: the oracle says {answer:?}, but it is {seen}",
            ops.len(),
        );
        judged += 1;
    }
    Ok(judged)
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

/// The host's tables hold what the image says; intervals that no row leads to do not count.
fn content_is(host: &Host, image: &MapImage) -> anyhow::Result<()> {
    let mut tables = host.tables.image.clone();
    for row in image.tables.rows.values() {
        anyhow::ensure!(
            tables.content(*row) == image.tables.content(*row),
            "the intervals of {row:?} differ"
        );
    }
    tables.intervals.clone_from(&image.tables.intervals);
    anyhow::ensure!(tables == image.tables, "apply(diff(a, b), a) is not b: {tables:?} {:?}", image.tables);
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

/// The verdicts of all packets, each without a flow: what passes, and if not the reason.
fn verdicts(host: &mut Host, probes: &[Probe], local: &[Endpoint]) -> anyhow::Result<Vec<String>> {
    let mut verdicts = Vec::new();
    for (probe, endpoint, bytes) in packets(probes, local) {
        host.forget_flows()?;
        let at = At {
            frame: &bytes,
            interface: endpoint.interface_index,
            direction: probe.direction.into(),
            origin: enforcer_common::packet::Origin::Elsewhere,
        };
        let seen = host.judge(&at)?;
        verdicts.push(match seen.event {
            None => "pass".to_owned(),
            Some(event) => format!("drop for reason {}", event.reason),
        });
    }
    Ok(verdicts)
}
