//! The kernel's tables as a target: the real programs, run by BPF_PROG_TEST_RUN.

use anyhow::Context as _;
use enforcer::{
    dataplane::{Dataplane, Options, Trial, TrialEvents},
    flow::decode,
    host::TRIAL_INTERFACE,
    plan::MapOp,
    tuple::{FlowTuple, Found},
};
use enforcer_common::event::DropEvent;

use super::{At, Seen, Target};

/// Flows of a [`Kernel::small`]: many more than a history has, else the kernel would forget some that the host
/// remembers.
const FLOW_ENTRIES: u32 = 1024;

/// The loaded object. A test run is seen at the loopback's interface index, so a node on this target has its
/// endpoint there.
pub struct Kernel {
    /// The programs and maps.
    pub dataplane: Dataplane,
    /// The reading end of the event ring.
    pub events: TrialEvents,
}

impl Kernel {
    /// Loads the object.
    ///
    /// # Errors
    /// When the kernel refuses it, or the test does not run as root.
    pub fn load() -> anyhow::Result<Self> {
        Self::with(None)
    }

    /// Loads the object with flow tables of a few entries: to empty a table of the real size takes a
    /// millisecond, even when nothing is in it.
    ///
    /// # Errors
    /// When the kernel refuses it, or the test does not run as root.
    pub fn small() -> anyhow::Result<Self> {
        Self::with(Some(FLOW_ENTRIES))
    }

    fn with(flow_entries: Option<u32>) -> anyhow::Result<Self> {
        anyhow::ensure!(nix::unistd::geteuid().is_root(), "these tests load eBPF programs: run them as root");
        let options = Options { origin_from_mark: true, flow_entries, ..Options::default() };
        let mut dataplane = Dataplane::load(options)?;
        // As the agent does after it has attached: without it no flow is ever confirmed.
        dataplane.share_budget()?;
        let events = dataplane.trial_events()?;
        Ok(Self { dataplane, events })
    }

    /// Whether test runs take this frame: one without a whole Ethernet header and something behind it they refuse,
    /// and (6.18 does) one that says it is IP and has no whole IP header. Only the host judges these.
    #[must_use]
    pub fn takes(frame: &[u8]) -> bool {
        let needs = match frame.get(12..14) {
            Some([0x08, 0x00]) => 14 + 20,
            Some([0x86, 0xdd]) => 14 + 40,
            _ => 15,
        };
        frame.len() >= needs
    }
}

impl Target for Kernel {
    fn write(&mut self, op: &MapOp) -> anyhow::Result<()> {
        // Nothing runs while a test writes, so there is no grace to wait for.
        if *op != MapOp::Grace {
            self.dataplane.apply(std::slice::from_ref(op)).with_context(|| format!("{op:?}"))?;
        }
        Ok(())
    }

    fn judge(&mut self, at: &At<'_>) -> anyhow::Result<Seen> {
        let &At { frame, interface, direction, origin } = at;
        anyhow::ensure!(interface == TRIAL_INTERFACE, "a test run is seen at interface {TRIAL_INTERFACE}");
        let outcome = self.dataplane.try_packet(Trial { direction, frame, origin })?;
        let mut records = self.events.drain();
        anyhow::ensure!(records.len() < 2, "{} events for one packet", records.len());
        let event = match records.pop() {
            Some(record) => Some(decode(record).context("the ring holds something else")?),
            None => None,
        };
        let event = event.map(|event| DropEvent { time: 0, ..event });
        Ok(Seen { passed: outcome.passed, event })
    }

    fn forget_flows(&mut self) -> anyhow::Result<()> {
        Ok(self.dataplane.forget_flows()?)
    }

    fn forget_flow(&mut self, tuple: &FlowTuple) -> anyhow::Result<()> {
        Ok(self.dataplane.forget_flow(tuple)?)
    }

    fn flow(&mut self, tuple: &FlowTuple) -> anyhow::Result<Option<Found>> {
        Ok(self.dataplane.flow(tuple)?)
    }

    fn set_budget(&mut self, flows: u32) -> anyhow::Result<()> {
        Ok(self.dataplane.set_budget(flows)?)
    }

    fn unconfirmed(&mut self) -> anyhow::Result<u64> {
        Ok(self.dataplane.counters()?.unconfirmed)
    }

    fn dropped(&mut self) -> anyhow::Result<u64> {
        Ok(self.dataplane.counters()?.drops())
    }

    fn takes(&self, frame: &[u8]) -> bool {
        Self::takes(frame)
    }
}
