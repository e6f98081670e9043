//! Collects flows that have been idle for their time-out, by the data path's own last-seen time.
//!
//! Opening flows are collected too. Their table gives up its least recently used, but on a quiet node nothing
//! presses it, and an entry of hours ago, or a denied mark, would still answer for a late packet. The data path could
//! look at an entry's age instead: that would cost every packet of an opening flow a read of its time-out, and a flow
//! that is over would go on holding its place. The collector's look does not make an entry recently used: the table
//! notes only the programs' own look-ups.
//!
//! A flow that is over may so answer until the next round of collection, at most [`super::Timeouts::shortest`] later
//! or a quarter of a minute, whichever is less.

use std::collections::{BTreeMap, BTreeSet};

use aya::Pod;
use enforcer_common::{flow::FlowState, tables::endpoint_and_kind};

use super::{
    Dataplane, DataplaneError, Stage, Ticks, Timeouts,
    maps::{Hash, remove},
};

/// What a round of collection found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expiry {
    /// Confirmed flows that stay.
    pub confirmed: u32,
    /// Opening flows that stay.
    pub opening: u32,
    /// Flows that were idle for too long, or whose endpoint is gone.
    pub removed: u32,
}

impl Dataplane {
    /// Removes flows that are idle or whose endpoint is gone, and writes the true number of the confirmed ones that
    /// stay into each endpoint's budget.
    ///
    /// # Errors
    /// When a table cannot be read or written.
    pub fn expire(&mut self, timeouts: &Timeouts, ticks: Ticks) -> Result<Expiry, DataplaneError> {
        let live = self.attachments.keys().copied().collect();
        self.collect(live, timeouts, ticks)
    }

    /// As [`Dataplane::expire`], for these endpoints.
    pub(super) fn collect(
        &mut self,
        live: BTreeSet<u32>,
        timeouts: &Timeouts,
        ticks: Ticks,
    ) -> Result<Expiry, DataplaneError> {
        let now = self.now()?;
        let (timeouts, spent, removed) = (timeouts.clone(), BTreeMap::new(), 0);
        let mut round = Round { live, timeouts, ticks, now, spent, removed };
        let maps = &mut self.maps;
        let opening =
            round.sweep(&mut maps.opening4, "OPENING4")? + round.sweep(&mut maps.opening6, "OPENING6")?;
        // Only confirmed flows are paid for out of a budget.
        round.spent.clear();
        let confirmed = round.sweep(&mut maps.confirmed4, "CONFIRMED4")?
            + round.sweep(&mut maps.confirmed6, "CONFIRMED6")?;
        for slot in 0..maps.spent.len() {
            let spent = round.spent.get(&slot).copied().unwrap_or(0);
            let before = maps.spent.get(&slot, 0).map_err(DataplaneError::map("SPENT"))?;
            if before != spent {
                maps.spent.set(slot, spent, 0).map_err(DataplaneError::map("SPENT"))?;
            }
        }
        Ok(Expiry { confirmed, opening, removed: round.removed })
    }
}

struct Round {
    live: BTreeSet<u32>,
    timeouts: Timeouts,
    ticks: Ticks,
    now: u32,
    spent: BTreeMap<u32, u32>,
    removed: u32,
}

impl Round {
    /// Walks one table. Returns how many flows stay.
    fn sweep<const N: usize>(
        &mut self,
        table: &mut Hash<[u8; N], [u8; 64]>,
        name: &'static str,
    ) -> Result<u32, DataplaneError>
    where
        [u8; N]: Pod,
    {
        let mut kept = 0;
        let mut idle = Vec::new();
        for entry in table.iter() {
            // The walk meets concurrent changes; an entry that went away under it is none to collect.
            let Ok((key, value)) = entry else { continue };
            if self.is_over(&key, &value) {
                idle.push(key);
            } else {
                kept += 1;
                let slot = FlowState::from_bytes(&value, self.now).judgement.slot;
                *self.spent.entry(u32::from(slot)).or_insert(0) += 1;
            }
        }
        for key in idle {
            // The flow may have come to life since the walk saw it.
            if table.get(&key, 0).is_ok_and(|value| self.is_over(&key, &value)) {
                remove(table, &key).map_err(DataplaneError::map(name))?;
                self.removed += 1;
            }
        }
        Ok(kept)
    }

    /// Whether a flow has been idle for its time-out, or its endpoint is gone.
    fn is_over(&self, key: &[u8], value: &[u8; 64]) -> bool {
        let flow = FlowState::from_bytes(value, self.now);
        // The protocol is the low byte of the kind.
        let Some((endpoint, kind)) = endpoint_and_kind(key) else { return true };
        let [.., number] = kind.to_be_bytes();
        let timeout = self.timeouts.get(Stage::of(number, &flow)).as_secs() * u64::from(self.ticks.0);
        !self.live.contains(&endpoint) || u64::from(flow.idle) > timeout
    }
}

#[cfg(test)]
mod tests {
    use enforcer_common::{
        Direction,
        flow::{FlowEntry, FlowState, Ground, Judgement, Opener},
    };

    /// The bytes of an entry that was touched towards the pod and from it at these ticks.
    fn bytes(ingress: u32, egress: u32) -> [u8; 64] {
        let judgement =
            Judgement { generation: 7, slot: 3, opener: Opener::Pod, ground: Ground::Rules, denied: false };
        let entry = FlowEntry::new(judgement, 9, 0xdead_beef);
        entry.touch(Direction::Ingress, ingress, 60, 0x11);
        entry.touch(Direction::Egress, egress, 60, 0x12);
        entry.to_bytes()
    }

    #[test]
    fn an_entrys_bytes_say_what_it_says() {
        let flow = FlowState::from_bytes(&bytes(1, 1), 1);
        assert_eq!((flow.judgement.slot, flow.judgement.opener, flow.rule), (3, Opener::Pod, 9));
        assert_eq!((flow.ingress_flags, flow.egress_flags, flow.answered), (0x11, 0x12, true));
        let entry = FlowEntry::new(flow.judgement, 9, 1);
        assert!(!FlowState::from_bytes(&entry.to_bytes(), 1).answered);
        entry.touch(Direction::Egress, 1, 60, 0);
        assert!(!FlowState::from_bytes(&entry.to_bytes(), 1).answered);
    }

    #[test]
    fn a_flow_that_was_touched_after_the_clock_was_read_is_not_idle() {
        for (now, ingress, egress) in [(1000, 1001, 1002), (u32::MAX, 0, 5), (1000, 10, 1001)] {
            assert_eq!(FlowState::from_bytes(&bytes(ingress, egress), now).idle, 0);
        }
    }

    #[test]
    fn the_younger_side_counts_also_where_ticks_come_round() {
        assert_eq!(FlowState::from_bytes(&bytes(100, 400), 1000).idle, 600);
        assert_eq!(FlowState::from_bytes(&bytes(u32::MAX - 9, u32::MAX - 4), 5).idle, 10);
    }
}
