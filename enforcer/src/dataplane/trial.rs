//! Runs the real programs on given packets (BPF_PROG_TEST_RUN): for tests and benchmarks.

use std::collections::BTreeSet;

use aya::{
    Pod,
    maps::{MapData, RingBuf},
    programs::{TestRun, TestRunOptions},
};
use bytes::Bytes;
use enforcer_common::{Direction, flow::FlowState, packet::Origin};

use super::{
    Dataplane, DataplaneError, Expiry, Ticks, Timeouts,
    maps::{self, Hash, remove, set},
};
use crate::{
    host::TRIAL_INTERFACE,
    tuple::{FlowKey, FlowTuple},
};

/// A packet to try.
#[derive(Debug, Clone, Copy)]
pub struct Trial<'a> {
    /// Which program: the one on this side of the pod.
    pub direction: Direction,
    /// The frame, from its Ethernet header on.
    pub frame: &'a [u8],
    /// Where it comes from; needs [`super::Options::origin_from_mark`].
    pub origin: Origin,
}

/// What the program said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrialOutcome {
    /// Whether the packet passes.
    pub passed: bool,
    /// The program's return value (a TCX code).
    pub code: i32,
}

impl Dataplane {
    /// Runs a packet once. It is seen at the endpoint with interface index 1, the loopback's; the program is not
    /// attached there.
    ///
    /// # Errors
    /// When the kernel refuses the run.
    pub fn try_packet(&mut self, trial: Trial<'_>) -> Result<TrialOutcome, DataplaneError> {
        let name = match trial.direction {
            Direction::Ingress => "to_pod",
            Direction::Egress => "from_pod",
        };
        let context = context(trial.origin);
        let options =
            TestRunOptions { data_in: Some(trial.frame), ctx_in: Some(&context), ..TestRunOptions::new() };
        let result = self
            .program(name)?
            .test_run(options)
            .map_err(|source| DataplaneError::Program { program: name, source: Box::new(source) })?;
        let code = result.return_value.cast_signed();
        Ok(TrialOutcome { passed: code != 2, code })
    }
}

/// The event ring, read without a runtime: after a test run its events are there.
pub struct TrialEvents {
    ring: RingBuf<MapData>,
}

impl TrialEvents {
    /// The records since the last call.
    pub fn drain(&mut self) -> Vec<Bytes> {
        let mut records = Vec::new();
        while let Some(record) = self.ring.next() {
            records.push(Bytes::copy_from_slice(&record));
        }
        records
    }
}

impl Dataplane {
    /// Takes the reading end of the event ring, as [`Dataplane::events`] does.
    ///
    /// # Errors
    /// When it was taken before.
    pub fn trial_events(&mut self) -> Result<TrialEvents, DataplaneError> {
        Ok(TrialEvents { ring: maps::take(&mut self.ebpf, "EVENTS")? })
    }

    /// Forgets every flow and every fragment, so that one loaded object serves many trials.
    ///
    /// # Errors
    /// When a table cannot be read or written.
    pub fn forget_flows(&mut self) -> Result<(), DataplaneError> {
        let mut slots = clear(&mut self.maps.confirmed4, "CONFIRMED4")?;
        slots.extend(clear(&mut self.maps.confirmed6, "CONFIRMED6")?);
        clear(&mut self.maps.opening4, "OPENING4")?;
        clear(&mut self.maps.opening6, "OPENING6")?;
        for key in self.maps.fragments4.keys().filter_map(Result::ok).collect::<Vec<_>>() {
            remove(&mut self.maps.fragments4, &key).map_err(DataplaneError::map("FRAGMENTS4"))?;
        }
        for key in self.maps.fragments6.keys().filter_map(Result::ok).collect::<Vec<_>>() {
            remove(&mut self.maps.fragments6, &key).map_err(DataplaneError::map("FRAGMENTS6"))?;
        }
        // What the flows had spent of their endpoints' budgets goes with them.
        for slot in slots {
            self.maps.spent.set(slot, 0, 0).map_err(DataplaneError::map("SPENT"))?;
        }
        Ok(())
    }

    /// Forgets one flow; what it had spent of its endpoint's budget stays spent.
    ///
    /// # Errors
    /// When a table cannot be written.
    pub fn forget_flow(&mut self, tuple: &FlowTuple) -> Result<(), DataplaneError> {
        match tuple.key() {
            Some(FlowKey::V4(key)) => {
                remove(&mut self.maps.confirmed4, &key.to_bytes())
                    .map_err(DataplaneError::map("CONFIRMED4"))?;
                remove(&mut self.maps.opening4, &key.to_bytes()).map_err(DataplaneError::map("OPENING4"))
            }
            Some(FlowKey::V6(key)) => {
                remove(&mut self.maps.confirmed6, &key.to_bytes())
                    .map_err(DataplaneError::map("CONFIRMED6"))?;
                remove(&mut self.maps.opening6, &key.to_bytes()).map_err(DataplaneError::map("OPENING6"))
            }
            None => Ok(()),
        }
    }

    /// Makes every flow older by some ticks, as if it had been idle for so long.
    ///
    /// # Errors
    /// When a table cannot be read or written.
    pub fn age_flows(&mut self, ticks: u32) -> Result<(), DataplaneError> {
        age(&mut self.maps.confirmed4, "CONFIRMED4", ticks)?;
        age(&mut self.maps.confirmed6, "CONFIRMED6", ticks)?;
        age(&mut self.maps.opening4, "OPENING4", ticks)?;
        age(&mut self.maps.opening6, "OPENING6", ticks)
    }

    /// As [`Dataplane::expire`], with the endpoint of test runs as the only one that is there.
    ///
    /// # Errors
    /// When a table cannot be read or written.
    pub fn expire_trial(&mut self, timeouts: &Timeouts, ticks: Ticks) -> Result<Expiry, DataplaneError> {
        self.collect(BTreeSet::from([TRIAL_INTERFACE]), timeouts, ticks)
    }

    /// Sets how many confirmed flows an endpoint may have.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn set_budget(&mut self, flows: u32) -> Result<(), DataplaneError> {
        self.maps.budget.set(0, flows, 0).map_err(DataplaneError::map("BUDGET"))
    }

    /// Flow entries: opening and confirmed.
    ///
    /// # Errors
    /// When a table cannot be read.
    pub fn flows(&self) -> Result<(usize, usize), DataplaneError> {
        let opening = self.maps.opening4.keys().count() + self.maps.opening6.keys().count();
        let confirmed = self.maps.confirmed4.keys().count() + self.maps.confirmed6.keys().count();
        Ok((opening, confirmed))
    }
}

/// Empties a table of flows; the slots that they were under.
fn clear<K: Pod>(table: &mut Hash<K, [u8; 64]>, name: &'static str) -> Result<BTreeSet<u32>, DataplaneError> {
    let entries: Vec<(K, [u8; 64])> = table.iter().filter_map(Result::ok).collect();
    let mut slots = BTreeSet::new();
    for (key, value) in entries {
        slots.insert(u32::from(FlowState::from_bytes(&value, 0).judgement.slot));
        remove(table, &key).map_err(DataplaneError::map(name))?;
    }
    Ok(slots)
}

/// Moves both last-seen times of every entry back.
fn age<K: Pod>(table: &mut Hash<K, [u8; 64]>, name: &'static str, ticks: u32) -> Result<(), DataplaneError> {
    let entries: Vec<(K, [u8; 64])> = table.iter().filter_map(Result::ok).collect();
    for (key, value) in entries {
        let aged = FlowState::aged(&value, ticks);
        set(table, key, aged).map_err(DataplaneError::map(name))?;
    }
    Ok(())
}

/// A `__sk_buff` up to and with its `mark`, the only field that says anything here.
fn context(origin: Origin) -> [u8; 192] {
    let mark: u32 = match origin {
        Origin::Elsewhere => 0,
        Origin::Node => 1,
        Origin::Pod(token) => 0x1_0000 | u32::from(token),
    };
    let mut context = [0; 192];
    for (to, from) in context.iter_mut().skip(8).zip(mark.to_ne_bytes()) {
        *to = from;
    }
    context
}
