//! Rounds in which all programs take turns.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use enforcer::{
    dataplane::{Floor, Floors, Wheel},
    model::Direction,
    seed::{Flows, Known},
    tuple::FlowTuple,
};
use enforcer_common::flow::{Ground, Opener};

use super::world::{Family, World, flow};
use crate::bench::{Run, pin::pin};

/// `TCX_NEXT`: the packet passes.
pub(super) const PASSED: i32 = -1;
/// `TCX_DROP`
pub(super) const DROPPED: i32 = 2;

/// A program to run.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject {
    /// One to measure against.
    Floor(Floor),
    /// The packet program of a direction, in the world of this number.
    Ours(usize, Direction),
}

/// A packet for a program.
#[derive(Clone, Copy)]
pub(super) struct Turn<'a> {
    pub(super) subject: Subject,
    pub(super) frame: &'a [u8],
    pub(super) wheel: Option<Wheel>,
    /// What it must return.
    pub(super) code: i32,
}

/// The loaded programs, and how long they are measured.
pub(super) struct Bench {
    pub(super) floors: Floors,
    pub(super) worlds: Vec<World>,
    pub(super) repeat: u32,
    pub(super) rounds: usize,
    pub(super) quick: bool,
}

impl Bench {
    /// Loads the floors, and keeps this process on one processor.
    pub(super) fn new(run: &Run) -> anyhow::Result<Self> {
        pin()?;
        let (repeat, rounds) = if run.quick { (2_000, 3) } else { (200_000, 11) };
        Ok(Self { floors: Floors::load()?, worlds: Vec::new(), repeat, rounds, quick: run.quick })
    }

    /// Nanoseconds a packet by turn and round. Before the first round each runs once for a while, so that the tables
    /// and the processor's caches are what they will be.
    pub(super) fn measure(&mut self, turns: &[Turn<'_>]) -> anyhow::Result<Vec<Vec<f64>>> {
        let mut rounds = vec![Vec::with_capacity(self.rounds); turns.len()];
        for turn in turns {
            self.run(turn, self.repeat / 10)?;
        }
        for _ in 0..self.rounds {
            for (turn, figures) in turns.iter().zip(&mut rounds) {
                figures.push(self.run(turn, self.repeat)?);
            }
        }
        Ok(rounds)
    }

    /// One run; nanoseconds a packet.
    pub(super) fn run(&mut self, turn: &Turn<'_>, repeat: u32) -> anyhow::Result<f64> {
        let run = enforcer::dataplane::Run { frame: turn.frame, repeat, wheel: turn.wheel };
        let ran = match turn.subject {
            Subject::Floor(floor) => self.floors.run(floor, run)?,
            Subject::Ours(world, direction) => {
                let world = self.worlds.get_mut(world).context("no such world")?;
                self.floors.run_ours(&mut world.node.target.dataplane, direction.into(), run)?
            }
        };
        let empty = matches!(turn.subject, Subject::Floor(Floor::Empty));
        ensure!(
            empty || ran.code == turn.code,
            "{:?} returned {}, not {}",
            turn.subject,
            ran.code,
            turn.code
        );
        #[expect(clippy::cast_precision_loss, reason = "nanoseconds of one packet")]
        Ok(ran.mean.as_nanos() as f64)
    }

    /// Makes flows of clients known and confirmed, in a world and to the floors.
    pub(super) fn know(&mut self, world: usize, family: Family, port: u16, flows: u32) -> anyhow::Result<()> {
        let begun = Instant::now();
        let known = Known { opener: Opener::Remote, ground: Ground::Rules, answered: true };
        let tuples: Flows = (0..flows).map(|number| (flow(family, number, port), known)).collect();
        self.floors.add_flows(tuples.keys().filter_map(FlowTuple::key))?;
        let world = self.worlds.get_mut(world).context("no such world")?;
        let plane = &mut world.node.target.dataplane;
        plane.set_budget(u32::MAX)?;
        plane.seed(&tuples)?;
        let (_, confirmed) = plane.flows()?;
        ensure!(confirmed >= flows as usize, "{confirmed} flows are confirmed, not {flows}");
        if begun.elapsed().as_secs() > 2 {
            println!("  ({flows} flows in {:.1} s)", begun.elapsed().as_secs_f64());
        }
        Ok(())
    }

    /// A wheel over flows of clients towards the pod.
    pub(super) const fn wheel(family: Family, flows: u32, mixed: bool) -> Wheel {
        Wheel { flows, start: 0, mixed, address_at: family.address_at(), port_at: family.port_at() }
    }
}

/// Round by round, what a program adds to an empty one.
pub(super) fn added(own: &[f64], empty: &[f64]) -> Vec<f64> {
    // The kernel tells whole nanoseconds: what is less than one is one.
    own.iter().zip(empty).map(|(own, empty)| (own - empty).max(1.0)).collect()
}
