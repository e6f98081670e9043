//! How far each kind is, and since when it is not.

use jiff::Timestamp;

/// The state of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KindSync {
    /// It was listed as a whole since the agent started.
    pub listed: bool,
    /// When the server last told of it, be it that nothing changed.
    pub heard: Option<Timestamp>,
    /// Why nothing is heard of it now.
    pub outage: Option<Outage>,
}

/// Nothing is heard of a kind; the last state stays in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// Since when.
    pub since: Timestamp,
    /// Attempts that failed since then.
    pub attempts: u64,
    /// Why the last one failed.
    pub reason: String,
}

impl KindSync {
    /// Nothing new is missing.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.listed && self.outage.is_none()
    }

    /// The server has answered. Returns the outage that this ends.
    pub(super) fn hear(&mut self, now: Timestamp) -> Option<Outage> {
        self.heard = Some(now);
        self.outage.take()
    }

    /// An attempt has failed. Returns whether an outage begins with it.
    pub(super) fn fail(&mut self, now: Timestamp, reason: String) -> bool {
        let begins = self.outage.is_none();
        let outage =
            self.outage.get_or_insert_with(|| Outage { since: now, attempts: 0, reason: String::new() });
        outage.attempts += 1;
        outage.reason = reason;
        begins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_lasts_from_its_first_failure_to_the_next_answer() {
        let at = |second| Timestamp::from_second(second).unwrap_or_default();
        let mut sync = KindSync { listed: true, ..KindSync::default() };
        assert!(sync.is_current());
        assert!(sync.fail(at(5), "refused".to_owned()));
        assert!(!sync.fail(at(9), "silent".to_owned()));
        let outage = Outage { since: at(5), attempts: 2, reason: "silent".to_owned() };
        assert_eq!(sync.outage, Some(outage.clone()));
        assert!(!sync.is_current());
        assert_eq!(sync.hear(at(12)), Some(outage));
        assert!(sync.is_current());
        assert_eq!((sync.heard, sync.hear(at(13))), (Some(at(12)), None));
    }
}
