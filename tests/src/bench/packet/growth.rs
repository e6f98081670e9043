//! What more rules, prefixes, policies and pods cost a packet: should be nothing. Clusters of all sizes are loaded side by
//! side and take turns, the smallest is the baseline.

use enforcer::{dataplane::Floor, model::Direction};

use super::{
    bench::{Bench, PASSED, Subject, Turn, added},
    world::{Family, Remote, Shape, World, segment, stray},
};
use crate::{
    bench::{
        recorder::{Figure, Recorder},
        result::Bar,
    },
    frame::TcpFlags,
};

/// Sizes that grow in one way.
struct Axis {
    name: &'static str,
    sizes: Vec<(String, Shape)>,
    remote: Remote,
    /// Of the largest against the smallest, for established and for first packets.
    bars: [f64; 2],
}

fn axes(quick: bool) -> Vec<Axis> {
    let small = Shape::SMALL;
    let rules = [1_u16, 10, 100, 1_000, 4_096];
    let prefixes = [10_u32, 100, 1_000, 20_000];
    let clusters: &[(u32, u32)] = if quick {
        &[(1, 10), (100, 1_000)]
    } else {
        &[(10, 100), (100, 1_000), (1_000, 10_000), (10_000, 100_000)]
    };
    vec![
        Axis {
            name: "rules",
            sizes: rules.map(|rules| (rules.to_string(), Shape { rules, ..small })).to_vec(),
            remote: Remote::Hash,
            bars: [1.1, 1.3],
        },
        Axis {
            name: "prefixes",
            sizes: prefixes.map(|prefixes| (prefixes.to_string(), Shape { prefixes, ..small })).to_vec(),
            remote: Remote::Trie,
            bars: [1.1, f64::INFINITY],
        },
        Axis {
            name: "cluster",
            sizes: clusters
                .iter()
                .map(|&(policies, pods)| {
                    (format!("{policies}-policies-{pods}-pods"), Shape { policies, pods, ..small })
                })
                .collect(),
            remote: Remote::Hash,
            bars: [1.2, 1.2],
        },
    ]
}

pub(super) fn run(bench: &mut Bench, out: &mut Recorder) -> anyhow::Result<()> {
    for axis in axes(bench.quick) {
        let cases: Vec<String> = axis
            .sizes
            .iter()
            .flat_map(|(size, _)| ["established", "first"].map(|what| case(&axis, what, size)))
            .collect();
        if out.wants_any(&cases) {
            measure(bench, out, &axis)?;
        }
    }
    bench.worlds.clear();
    Ok(())
}

fn case(axis: &Axis, what: &str, size: &str) -> String {
    format!("growth/{}/{what}/{size}", axis.name)
}

fn measure(bench: &mut Bench, out: &mut Recorder, axis: &Axis) -> anyhow::Result<()> {
    let family = Family::V4;
    bench.worlds.clear();
    for (_, shape) in &axis.sizes {
        bench.worlds.push(World::new(*shape)?);
    }
    let mut frames = Vec::new();
    for number in 0..bench.worlds.len() {
        let Some(world) = bench.worlds.get(number) else { continue };
        let (client, port) = world.open_to(Remote::Hash, family);
        let first = world.open_to(axis.remote, family);
        bench.know(number, family, port, 1)?;
        frames
            .push([segment(family, Direction::Ingress, (client, port), TcpFlags::ACK), stray(family, first)]);
    }
    for (kind, what) in ["established", "first"].into_iter().enumerate() {
        let ours = frames.iter().enumerate().filter_map(|(number, frames)| {
            let frame = frames.get(kind)?;
            Some(Turn {
                subject: Subject::Ours(number, Direction::Ingress),
                frame,
                wheel: None,
                code: PASSED,
            })
        });
        let ours: Vec<Turn<'_>> = ours.collect();
        let Some(&any) = ours.first() else { continue };
        let mut turns = vec![Turn { subject: Subject::Floor(Floor::Empty), ..any }];
        turns.extend(ours);
        let rounds = bench.measure(&turns)?;
        let [empty, ours @ ..] = rounds.as_slice() else { continue };
        let costs: Vec<Vec<f64>> = ours.iter().map(|own| added(own, empty)).collect();
        let Some(least) = costs.first() else { continue };
        let last = axis.sizes.len() - 1;
        for (at, ((size, _), own)) in axis.sizes.iter().zip(&costs).enumerate() {
            let bar = axis.bars.get(kind).filter(|most| at == last && most.is_finite());
            let case = case(axis, what, size);
            if out.wants(&case) {
                let bar = bar.map(|most| Bar::RatioAtMost(*most));
                let figure = Figure { case: &case, metric: "cost", unit: "ns/packet", bar };
                out.note(figure, own.clone(), Some(("smallest", least)))?;
            }
        }
    }
    Ok(())
}
