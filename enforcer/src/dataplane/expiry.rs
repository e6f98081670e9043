//! Collects confirmed flows that have been idle for their time-out, by the data path's own last-seen time.
//!
//! Opening flows need no collector: their table gives up its least recently used. What a flow's time-out is
//! follows from its protocol and from the TCP flags that each side has shown.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aya::Pod;
use enforcer_common::{flow::FlowState, packet::protocol};

use super::{
    Dataplane, DataplaneError, Ticks,
    maps::{Hash, remove},
};

/// How long a flow may be idle. The defaults are those of Linux' connection tracking
/// (Documentation/networking/nf_conntrack-sysctl.rst), but for established TCP, where a day is enough to outlive
/// the keep-alives of every common system (two hours).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// TCP with no FIN from both sides and no RST.
    pub tcp_established: Duration,
    /// TCP after a FIN from both sides, or a RST.
    pub tcp_closed: Duration,
    /// UDP that was answered.
    pub udp: Duration,
    /// SCTP.
    pub sctp: Duration,
    /// Everything else.
    pub other: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            tcp_established: Duration::from_secs(24 * 3600),
            tcp_closed: Duration::from_secs(120),
            udp: Duration::from_secs(120),
            sctp: Duration::from_secs(210),
            other: Duration::from_secs(600),
        }
    }
}

impl Timeouts {
    /// The time-out of a flow.
    #[must_use]
    pub fn of(&self, protocol_number: u8, flow: &FlowState) -> Duration {
        const FIN: u8 = 0x01;
        const RST: u8 = 0x04;
        match protocol_number {
            protocol::TCP => {
                let reset = (flow.ingress_flags | flow.egress_flags) & RST != 0;
                let closed = flow.ingress_flags & flow.egress_flags & FIN != 0;
                if reset || closed { self.tcp_closed } else { self.tcp_established }
            }
            protocol::UDP => self.udp,
            protocol::SCTP => self.sctp,
            _ => self.other,
        }
    }
}

/// What a round of collection found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expiry {
    /// Flows that stay.
    pub kept: u32,
    /// Flows that were idle for too long.
    pub removed: u32,
}

impl Dataplane {
    /// Removes confirmed flows that are idle or whose endpoint is gone, and writes the true number of the others
    /// into each endpoint's budget.
    ///
    /// # Errors
    /// When a table cannot be read or written.
    pub fn expire(&mut self, timeouts: &Timeouts, ticks: Ticks) -> Result<Expiry, DataplaneError> {
        #[expect(clippy::cast_possible_truncation, reason = "flows keep the low half of the jiffies")]
        let now = self.clock()?.jiffies as u32;
        let live = self.attachments.keys().copied().collect();
        let mut round = Round {
            live,
            timeouts: *timeouts,
            ticks,
            now,
            spent: BTreeMap::new(),
            expiry: Expiry::default(),
        };
        round.sweep(&mut self.maps.confirmed4, "CONFIRMED4")?;
        round.sweep(&mut self.maps.confirmed6, "CONFIRMED6")?;
        for slot in 0..self.maps.spent.len() {
            let spent = round.spent.get(&slot).copied().unwrap_or(0);
            let before = self.maps.spent.get(&slot, 0).map_err(DataplaneError::map("SPENT"))?;
            if before != spent {
                self.maps.spent.set(slot, spent, 0).map_err(DataplaneError::map("SPENT"))?;
            }
        }
        Ok(round.expiry)
    }
}

struct Round {
    live: BTreeSet<u32>,
    timeouts: Timeouts,
    ticks: Ticks,
    now: u32,
    spent: BTreeMap<u32, u32>,
    expiry: Expiry,
}

impl Round {
    fn sweep<const N: usize>(
        &mut self,
        table: &mut Hash<[u8; N], [u8; 64]>,
        name: &'static str,
    ) -> Result<(), DataplaneError>
    where
        [u8; N]: Pod,
    {
        let mut idle = Vec::new();
        for entry in table.iter() {
            // The walk meets concurrent changes; an entry that went away under it is none to collect.
            let Ok((key, value)) = entry else { continue };
            if self.is_over(&key, &value) {
                idle.push(key);
            } else {
                self.expiry.kept += 1;
                let slot = FlowState::from_bytes(&value, self.now).judgement.slot;
                *self.spent.entry(u32::from(slot)).or_insert(0) += 1;
            }
        }
        for key in idle {
            // The flow may have come to life since the walk saw it.
            if table.get(&key, 0).is_ok_and(|value| self.is_over(&key, &value)) {
                remove(table, &key).map_err(DataplaneError::map(name))?;
                self.expiry.removed += 1;
            }
        }
        Ok(())
    }

    /// Whether a flow has been idle for its time-out, or its endpoint is gone.
    fn is_over(&self, key: &[u8], value: &[u8; 64]) -> bool {
        let flow = FlowState::from_bytes(value, self.now);
        // The endpoint is the key's first word; the protocol is the low byte of its last.
        let endpoint = key.first_chunk::<4>().map_or(0, |word| u32::from_ne_bytes(*word));
        let kind = key.last_chunk::<4>().map_or(0, |word| u32::from_ne_bytes(*word));
        let [.., number] = kind.to_be_bytes();
        let timeout = self.timeouts.of(number, &flow).as_secs() * u64::from(self.ticks.0);
        !self.live.contains(&endpoint) || u64::from(flow.idle) > timeout
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use enforcer_common::flow::{FlowEntry, FlowState, Ground, Judgement, Opener};

    use super::Timeouts;

    /// The bytes of an entry that was touched towards the pod and from it at these ticks.
    fn bytes(ingress: u32, egress: u32) -> [u8; 64] {
        let judgement =
            Judgement { generation: 7, slot: 3, opener: Opener::Pod, ground: Ground::Rules, denied: false };
        let entry = FlowEntry::new(judgement, 9, 0xdead_beef);
        let mut bytes = [0; 64];
        let mut put = |at: usize, from: &[u8]| {
            for (to, from) in bytes.iter_mut().skip(at).zip(from) {
                *to = *from;
            }
        };
        put(0, &entry.judgement.get().to_ne_bytes());
        for (at, seen) in [(16, ingress), (40, egress)] {
            put(at, &1_u64.to_ne_bytes());
            put(at + 16, &seen.to_ne_bytes());
            put(at + 20, &0x11_u32.to_ne_bytes());
        }
        bytes
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

    #[test]
    fn the_state_follows_from_both_sides() {
        let flow = FlowState::from_bytes(&bytes(1, 1), 1);
        assert_eq!(flow.judgement.slot, 3);
        let timeouts = Timeouts::default();
        assert_eq!(timeouts.of(6, &flow), timeouts.tcp_closed);
        assert_eq!(timeouts.of(6, &FlowState { egress_flags: 0x10, ..flow }), timeouts.tcp_established);
        assert_eq!(timeouts.of(17, &flow), Duration::from_secs(120));
    }
}
