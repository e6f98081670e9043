//! Denied packets, each with its event, and a reader that keeps the ring empty.

use enforcer::{dataplane::Floor, model::Direction};

use super::{
    bench::{Bench, DROPPED, PASSED, Subject, Turn, added},
    world::{Family, Shape, World, denied},
};
use crate::bench::{
    recorder::{Figure, Recorder},
    result::Bar,
};

/// Events that the ring has room for between two reads, with some to spare.
const BATCH: u32 = 8_192;

pub(super) fn run(bench: &mut Bench, out: &mut Recorder) -> anyhow::Result<()> {
    for family in Family::ALL {
        for rules in [1, 4_096] {
            let case = format!("denied/{}/{rules}-rules", family.name());
            if out.wants(&case) {
                bench.worlds = vec![World::new(Shape { rules, ..Shape::SMALL })?];
                measure(bench, out, family, &case)?;
            }
        }
    }
    bench.worlds.clear();
    Ok(())
}

fn measure(bench: &mut Bench, out: &mut Recorder, family: Family, case: &str) -> anyhow::Result<()> {
    let frame = denied(family);
    let turn = |subject, code| Turn { subject, frame: &frame, wheel: None, code };
    let empty = turn(Subject::Floor(Floor::Empty), PASSED);
    let ours = turn(Subject::Ours(0, Direction::Ingress), DROPPED);
    let (mut none, mut own) = (Vec::new(), Vec::new());
    let batches = (bench.repeat / BATCH).max(1);
    for _ in 0..bench.rounds {
        none.push(bench.run(&empty, bench.repeat)?);
        let mut sum = 0.0;
        for _ in 0..batches {
            sum += bench.run(&ours, BATCH)?;
            let Some(world) = bench.worlds.first_mut() else { return Ok(()) };
            let read = world.node.target.events.drain().len();
            anyhow::ensure!(read == BATCH as usize, "{read} events of {BATCH} denied packets");
        }
        own.push(sum / f64::from(batches));
    }
    let figure = Figure { case, metric: "cost", unit: "ns/packet", bar: Some(Bar::ValueAtMost(250.0)) };
    out.note(figure, added(&own, &none), None)?;
    Ok(())
}
