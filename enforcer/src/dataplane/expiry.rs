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
    /// Removes confirmed flows that are idle or whose endpoint is gone, and writes the true number of the others into each endpoint's budget.
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
            let flow = FlowState::from_bytes(&value, self.now);
            // The protocol is the low byte of the key's last word.
            let kind = key.last_chunk::<4>().map_or(0, |word| u32::from_ne_bytes(*word));
            let [.., number] = kind.to_be_bytes();
            let timeout = self.timeouts.of(number, &flow).as_secs() * u64::from(self.ticks.0);
            // The endpoint is the key's first word; flows of one that is gone serve nobody.
            let endpoint = key.first_chunk::<4>().map_or(0, |word| u32::from_ne_bytes(*word));
            let is_live = self.live.contains(&endpoint);
            if !is_live || u64::from(self.now.wrapping_sub(flow.seen)) > timeout {
                idle.push(key);
            } else {
                self.expiry.kept += 1;
                *self.spent.entry(u32::from(flow.judgement.slot)).or_insert(0) += 1;
            }
        }
        for key in idle {
            remove(table, &key).map_err(DataplaneError::map(name))?;
            self.expiry.removed += 1;
        }
        Ok(())
    }
}
