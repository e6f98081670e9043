//! The host's tables as a target.

use std::cell::Cell;

use enforcer::{
    host::{Frame, HostTables},
    plan::{MapOp, TableImage},
    tuple::{FlowTuple, Found},
};
use enforcer_common::{Direction, Verdict, event::DropEvent};

use super::{At, Seen, Target};

/// `decide` over an image in memory.
#[derive(Debug, Default)]
pub struct Host {
    /// The tables.
    pub tables: HostTables,
    /// Jiffies.
    pub now: u32,
    /// Nanoseconds since boot.
    pub time: u64,
}

impl Host {
    /// Tables with this content and no flows.
    #[must_use]
    pub fn with(image: TableImage) -> Self {
        Self { tables: HostTables::new(image), ..Self::default() }
    }
}

impl Target for Host {
    fn write(&mut self, op: &MapOp) -> anyhow::Result<()> {
        self.tables.image.apply(op);
        Ok(())
    }

    fn judge(&mut self, at: &At<'_>) -> anyhow::Result<Seen> {
        let &At { frame, interface, direction, origin } = at;
        let (now, time) = (self.now, self.time);
        let frame = Frame { bytes: frame, interface, direction, origin, now, time, token: Cell::default() };
        let verdict = self.tables.decide(&frame);
        if verdict == Verdict::Pass {
            // Programs of other pods know by it who sent the packet: it is never 0, and another for each endpoint.
            let slot = self.tables.image.endpoints.get(&interface).map(|endpoint| endpoint.slot);
            let wanted = slot.filter(|_| direction == Direction::Egress).map(|slot| slot + 1);
            anyhow::ensure!(frame.token.get() == wanted, "stamped {:?}, not {wanted:?}", frame.token.get());
        }
        let mut events = self.tables.take_events();
        anyhow::ensure!(events.len() < 2, "{} events for one packet", events.len());
        let event = events.pop().map(|event| DropEvent { time: 0, ..event });
        Ok(Seen { passed: verdict == Verdict::Pass, event })
    }

    fn forget_flows(&mut self) -> anyhow::Result<()> {
        self.tables = HostTables::new(std::mem::take(&mut self.tables.image));
        Ok(())
    }

    fn forget_flow(&mut self, tuple: &FlowTuple) -> anyhow::Result<()> {
        self.tables.forget_flow(tuple);
        Ok(())
    }

    fn tables(&self) -> Option<&TableImage> {
        Some(&self.tables.image)
    }

    fn flow(&mut self, tuple: &FlowTuple) -> anyhow::Result<Option<Found>> {
        Ok(self.tables.flow(tuple, 0))
    }

    fn set_budget(&mut self, flows: u32) -> anyhow::Result<()> {
        self.tables.budget = Some(flows);
        Ok(())
    }

    fn unconfirmed(&mut self) -> anyhow::Result<u64> {
        Ok(self.tables.unconfirmed())
    }

    fn dropped(&mut self) -> anyhow::Result<u64> {
        let counters = self.tables.counters();
        Ok(counters.iter().filter(|((_, reason), _)| reason.is_some()).map(|(_, count)| count).sum())
    }

    fn wait(&mut self, seconds: u64) -> anyhow::Result<()> {
        self.time += seconds * 1_000_000_000;
        Ok(())
    }
}
