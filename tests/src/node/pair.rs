//! Host and kernel side by side: everything is done on both, and they must agree about everything that can be
//! seen: verdict, reason, rule and all other fields of the event, counters, and how many flows there are.

use std::collections::BTreeMap;

use anyhow::ensure;
use enforcer::{
    plan::MapOp,
    tuple::{FlowTuple, Found},
};
use enforcer_common::{Direction, Reason};

use super::{At, Host, Kernel, Seen, Target};

/// Packets by direction and outcome; `None` passed.
type Counts = BTreeMap<(Direction, Option<Reason>), u64>;

/// Both targets.
pub struct Pair {
    host: Host,
    kernel: Kernel,
    /// What the host has counted and forgotten, and what it counted of frames that test runs do not take.
    counted: Counts,
    untaken: Counts,
}

impl Pair {
    /// Loads the object, with small flow tables.
    ///
    /// # Errors
    /// When the kernel refuses it, or the test does not run as root.
    pub fn load() -> anyhow::Result<Self> {
        Ok(Self {
            host: Host::default(),
            kernel: Kernel::small()?,
            counted: Counts::new(),
            untaken: Counts::new(),
        })
    }

    /// Fails where the counters or the numbers of flows differ.
    ///
    /// # Errors
    /// With both, or when the kernel's tables cannot be read.
    pub fn agree(&self) -> anyhow::Result<()> {
        self.agree_about_flows()?;
        let mut host = self.counted.clone();
        add(&mut host, self.host.tables.counters());
        for (outcome, count) in &self.untaken {
            if let Some(all) = host.get_mut(outcome) {
                *all -= count;
            }
        }
        host.retain(|_, count| *count > 0);
        let counters = self.kernel.dataplane.counters()?;
        ensure!(counters.events_lost == 0, "the kernel lost {} events", counters.events_lost);
        ensure!(counters.unconfirmed == 0, "the kernel did not confirm {} flows", counters.unconfirmed);
        let outcomes = std::iter::once((None, counters.passed))
            .chain(counters.dropped.into_iter().map(|(reason, both)| (Some(reason), both)));
        let kernel: Counts = outcomes
            .flat_map(|(reason, [towards, from])| {
                [((Direction::Ingress, reason), towards), ((Direction::Egress, reason), from)]
            })
            .filter(|(_, count)| *count > 0)
            .collect();
        ensure!(host == kernel, "counters: {host:?} on the host, {kernel:?} in the kernel");
        Ok(())
    }

    fn agree_about_flows(&self) -> anyhow::Result<()> {
        let (host, kernel) = (self.host.tables.flows(), self.kernel.dataplane.flows()?);
        ensure!(
            host == kernel,
            "flows, opening and confirmed: {host:?} on the host, {kernel:?} in the kernel"
        );
        Ok(())
    }
}

impl Target for Pair {
    fn write(&mut self, op: &MapOp) -> anyhow::Result<()> {
        self.host.write(op)?;
        self.kernel.write(op)
    }

    fn judge(&mut self, at: &At<'_>) -> anyhow::Result<Seen> {
        let host = self.host.judge(at)?;
        if !Kernel::takes(at.frame) {
            let reason = host.event.and_then(|event| Reason::from_number(event.reason));
            *self.untaken.entry((at.direction, reason)).or_default() += 1;
            return Ok(host);
        }
        let kernel = self.kernel.judge(at)?;
        ensure!(
            host == kernel,
            "host and kernel differ: {host} on the host, {kernel} in the kernel\n{host:?}\n{kernel:?}"
        );
        Ok(kernel)
    }

    fn forget_flows(&mut self) -> anyhow::Result<()> {
        self.agree_about_flows()?;
        add(&mut self.counted, self.host.tables.counters());
        self.host.forget_flows()?;
        self.kernel.forget_flows()
    }

    fn forget_flow(&mut self, tuple: &FlowTuple) -> anyhow::Result<()> {
        self.host.forget_flow(tuple)?;
        self.kernel.forget_flow(tuple)
    }

    fn flow(&mut self, tuple: &FlowTuple) -> anyhow::Result<Option<Found>> {
        let (host, kernel) = (self.host.flow(tuple)?, self.kernel.flow(tuple)?);
        ensure!(
            host.is_some() == kernel.is_some(),
            "{tuple:?}: {host:?} on the host, {kernel:?} in the kernel"
        );
        Ok(kernel)
    }

    fn set_budget(&mut self, flows: u32) -> anyhow::Result<()> {
        self.host.set_budget(flows)?;
        self.kernel.set_budget(flows)
    }

    fn unconfirmed(&mut self) -> anyhow::Result<u64> {
        self.kernel.unconfirmed()
    }

    fn dropped(&mut self) -> anyhow::Result<u64> {
        self.kernel.dropped()
    }

    fn takes(&self, frame: &[u8]) -> bool {
        Kernel::takes(frame)
    }
}

fn add(to: &mut Counts, more: Counts) {
    for (outcome, count) in more {
        *to.entry(outcome).or_default() += count;
    }
}
