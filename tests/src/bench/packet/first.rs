//! First packets: what it takes to find the verdict of the rules, and with the flow's insert.

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

/// The rules of a large application and the prefixes of a large provider.
const LARGE: Shape = Shape { rules: 1_000, prefixes: 20_000, policies: 1, pods: 10 };
/// Several times what the table of opening flows holds: each is new when its turn comes.
const NEW_FLOWS: u32 = 500_000;

pub(super) fn run(bench: &mut Bench, out: &mut Recorder) -> anyhow::Result<()> {
    let name =
        |family: Family, what: &str| format!("first/{}/{what}/1000-rules-20000-prefixes", family.name());
    let cases: Vec<String> = Family::ALL
        .into_iter()
        .flat_map(|family| ["hash", "trie", "nowhere", "insert"].map(|what| name(family, what)))
        .collect();
    if !out.wants_any(&cases) {
        return Ok(());
    }
    let world = World::new(LARGE)?;
    let tables = &world.image().tables;
    bench.floors.add_addresses(tables.addresses.keys().copied(), tables.prefixes.keys().copied())?;
    bench.worlds = vec![world];
    for family in Family::ALL {
        classification(bench, out, family, |what| name(family, what))?;
        insert(bench, out, family, &name(family, "insert"))?;
    }
    bench.worlds.clear();
    Ok(())
}

/// What the rules alone cost.
fn classification(
    bench: &mut Bench,
    out: &mut Recorder,
    family: Family,
    name: impl Fn(&str) -> String,
) -> anyhow::Result<()> {
    let Some(world) = bench.worlds.first() else { return Ok(()) };
    let (hash, trie) = match family {
        Family::V4 => (Floor::Hash4, Floor::Trie4),
        Family::V6 => (Floor::Hash6, Floor::Trie6),
    };
    let frames = Remote::ALL.map(|remote| stray(family, world.open_to(remote, family)));
    let [in_hash, in_trie, _] = &frames;
    let turn = |subject, frame, code| Turn { subject, frame, wheel: None, code };
    let mut turns = vec![
        turn(Subject::Floor(Floor::Empty), in_hash.as_slice(), PASSED),
        turn(Subject::Floor(hash), in_hash, 0),
        turn(Subject::Floor(trie), in_trie, 0),
    ];
    turns.extend(frames.iter().map(|frame| turn(Subject::Ours(0, Direction::Ingress), frame, PASSED)));
    let rounds = bench.measure(&turns)?;
    let [empty, hash, trie, ours @ ..] = rounds.as_slice() else { return Ok(()) };
    for (remote, own) in Remote::ALL.into_iter().zip(ours) {
        let case = name(remote.name());
        if !out.wants(&case) {
            continue;
        }
        let (against, base, bar) = match remote {
            Remote::Hash => ("bare hash look-up", hash, 150.0),
            Remote::Trie => ("bare trie look-up", trie, 260.0),
            Remote::Nowhere => ("bare trie look-up", trie, 260.0),
        };
        let figure =
            Figure { case: &case, metric: "cost", unit: "ns/packet", bar: Some(Bar::ValueAtMost(bar)) };
        out.note(figure, added(own, empty), Some((against, &added(base, empty))))?;
    }
    Ok(())
}

/// A SYN of a new flow each time, in a table that is full.
fn insert(bench: &mut Bench, out: &mut Recorder, family: Family, case: &str) -> anyhow::Result<()> {
    if !out.wants(case) {
        return Ok(());
    }
    let Some(world) = bench.worlds.first() else { return Ok(()) };
    let floor = match family {
        Family::V4 => Floor::Insert4,
        Family::V6 => Floor::Insert6,
    };
    let frame = segment(family, Direction::Ingress, world.open_to(Remote::Hash, family), TcpFlags::SYN);
    let turn = |subject, code| Turn {
        subject,
        frame: &frame,
        wheel: Some(Bench::wheel(family, NEW_FLOWS, true)),
        code,
    };
    let turns = [
        turn(Subject::Floor(Floor::Empty), PASSED),
        turn(Subject::Floor(floor), 0),
        turn(Subject::Ours(0, Direction::Ingress), PASSED),
    ];
    // Until the tables are full, an insert is cheap.
    for turn in turns.iter().skip(1) {
        bench.run(turn, if bench.quick { 1_000 } else { NEW_FLOWS })?;
    }
    let rounds = bench.measure(&turns)?;
    let [empty, bare, own] = rounds.as_slice() else { return Ok(()) };
    let figure = Figure { case, metric: "cost", unit: "ns/packet", bar: None };
    out.note(figure, added(own, empty), Some(("bare insert", &added(bare, empty))))?;
    Ok(())
}
