//! Packets of flows that both sides have spoken in: hot, and through so many flows that memory is what costs.

use enforcer::{dataplane::Floor, model::Direction};

use super::{
    bench::{Bench, PASSED, Subject, Turn, added},
    world::{Family, Remote, Shape, World, segment},
};
use crate::{
    bench::{
        recorder::{Figure, Recorder},
        result::Bar,
    },
    frame::TcpFlags,
};

/// What a look-up in the same table finds.
const FOUND: i32 = 0;
/// More than a node of a usual size has at a time.
const MANY: u32 = 400_000;

pub(super) fn run(bench: &mut Bench, out: &mut Recorder) -> anyhow::Result<()> {
    for family in Family::ALL {
        let name = family.name();
        for flows in [1, 4_096, if bench.quick { 10_000 } else { MANY }] {
            let cases = [
                format!("established/{name}/to-pod/{flows}-flows"),
                format!("established/{name}/from-pod/{flows}-flows"),
            ];
            if out.wants_any(&cases) {
                bench.worlds = vec![World::new(Shape::SMALL)?];
                measure(bench, out, family, flows, &cases)?;
            }
        }
    }
    bench.worlds.clear();
    Ok(())
}

fn measure(
    bench: &mut Bench,
    out: &mut Recorder,
    family: Family,
    flows: u32,
    cases: &[String; 2],
) -> anyhow::Result<()> {
    let Some(world) = bench.worlds.first() else { return Ok(()) };
    let (remote, port) = world.open_to(Remote::Hash, family);
    bench.know(0, family, port, flows)?;
    let floor = match family {
        Family::V4 => Floor::Lookup4,
        Family::V6 => Floor::Lookup6,
    };
    let towards = segment(family, Direction::Ingress, (remote, port), TcpFlags::ACK);
    let from = segment(family, Direction::Egress, (remote, port), TcpFlags::ACK);
    let wheel = (flows > 1).then(|| Bench::wheel(family, flows, true));
    // From the pod the remote side is the destination.
    let back = wheel.map(|wheel| {
        let address = if family == Family::V4 { 4 } else { 16 };
        enforcer::dataplane::Wheel {
            address_at: wheel.address_at + address,
            port_at: wheel.port_at + 2,
            ..wheel
        }
    });
    let turn = |subject, frame, wheel, code| Turn { subject, frame, wheel, code };
    let turns = [
        turn(Subject::Floor(Floor::Empty), &towards, wheel, PASSED),
        turn(Subject::Floor(floor), &towards, wheel, FOUND),
        turn(Subject::Ours(0, Direction::Ingress), &towards, wheel, PASSED),
        turn(Subject::Ours(0, Direction::Egress), &from, back, PASSED),
    ];
    // Each flow's first packet has it judged; the rest find the verdict.
    for turn in turns.iter().skip(2) {
        let once = turn.wheel.map(|wheel| enforcer::dataplane::Wheel { mixed: false, ..wheel });
        bench.run(&Turn { wheel: once, ..*turn }, flows)?;
    }
    let rounds = bench.measure(&turns)?;
    let [empty, bare, ours @ ..] = rounds.as_slice() else { return Ok(()) };
    let bare = added(bare, empty);
    let bar = match flows {
        1 => Some(Bar::RatioAtMost(1.4)),
        4_096 => None,
        _ => Some(Bar::RatioAtMost(1.15)),
    };
    for (case, own) in cases.iter().zip(ours).filter(|(case, _)| out.wants(case)).collect::<Vec<_>>() {
        let figure = Figure { case, metric: "cost", unit: "ns/packet", bar };
        out.note(figure, added(own, empty), Some(("bare look-up", &bare)))?;
    }
    Ok(())
}
