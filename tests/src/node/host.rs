//! The host's tables as a target.

use enforcer::{
    host::{Frame, HostTables},
    plan::{MapOp, TableImage},
};
use enforcer_common::{Verdict, event::DropEvent};

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
        let frame = Frame { bytes: frame, interface, direction, origin, now: self.now, time: self.time };
        let verdict = self.tables.decide(&frame);
        let mut events = self.tables.take_events();
        anyhow::ensure!(events.len() < 2, "{} events for one packet", events.len());
        let event = events.pop().map(|event| DropEvent { time: 0, ..event });
        Ok(Seen { passed: verdict == Verdict::Pass, event })
    }

    fn forget_flows(&mut self) -> anyhow::Result<()> {
        self.tables = HostTables::new(std::mem::take(&mut self.tables.image));
        Ok(())
    }
}
