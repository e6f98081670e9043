//! Exact counts of packets by direction and outcome, summed over CPUs.

use std::collections::BTreeMap;

use enforcer_common::{Direction, Reason, tables::counter};

use super::{Dataplane, DataplaneError};

/// Packets since the programs were loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Passed, towards pods and from pods.
    pub passed: [u64; 2],
    /// Dropped, by reason, towards pods and from pods. Reasons without drops are left out.
    pub dropped: BTreeMap<Reason, [u64; 2]>,
    /// Drop events that found no room in the ring.
    pub events_lost: u64,
    /// Packets whose flow could not be confirmed, for lack of budget or of room: it gives way like one that
    /// was never answered.
    pub unconfirmed: u64,
}

impl Counters {
    /// All drops.
    #[must_use]
    pub fn drops(&self) -> u64 {
        self.dropped.values().flatten().sum()
    }
}

impl Dataplane {
    /// Reads the counters.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn counters(&self) -> Result<Counters, DataplaneError> {
        let read = |index| {
            let values = self.maps.counters.get(&index, 0).map_err(DataplaneError::map("COUNTERS"))?;
            Ok::<u64, DataplaneError>(values.iter().sum())
        };
        let both = |reason| {
            let [towards, from] =
                [Direction::Ingress, Direction::Egress].map(|way| read(counter::index(way, reason)));
            Ok::<[u64; 2], DataplaneError>([towards?, from?])
        };
        let mut counters = Counters {
            passed: both(None)?,
            events_lost: read(counter::LOST)?,
            unconfirmed: read(counter::UNCONFIRMED)?,
            ..Counters::default()
        };
        for reason in Reason::ALL {
            let drops = both(Some(reason))?;
            if drops != [0, 0] {
                counters.dropped.insert(reason, drops);
            }
        }
        Ok(counters)
    }
}
