//! Pauses between attempts: longer each time, and never the same for all nodes of a cluster.

use std::time::Duration;

/// The pauses of one watch.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    shortest: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Pauses that double from one to the other.
    pub(super) fn new(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest, next: shortest }
    }

    /// The next pause: between half of its length and all of it, by chance.
    pub(super) fn pause(&mut self) -> Duration {
        let full = self.next;
        self.next = (full * 2).min(self.longest);
        full.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// Something went well: the next pause is a short one again.
    pub(super) fn reset(&mut self) {
        self.next = self.shortest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew() {
        let (shortest, longest) = (Duration::from_millis(100), Duration::from_millis(500));
        let mut backoff = Backoff::new(shortest, longest);
        for full in [100, 200, 400, 500, 500] {
            let (pause, full) = (backoff.pause(), Duration::from_millis(full));
            assert!(pause >= full / 2 && pause <= full, "{pause:?} of {full:?}");
        }
        backoff.reset();
        assert!(backoff.pause() <= shortest);
    }

    #[test]
    fn pauses_of_several_nodes_differ() {
        let pauses: std::collections::BTreeSet<Duration> =
            (0..16).map(|_| Backoff::new(Duration::from_secs(1), Duration::from_secs(1)).pause()).collect();
        assert!(pauses.len() > 1);
    }
}
