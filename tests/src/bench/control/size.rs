//! How large a cluster is, and what it must reach.

use std::time::Duration;

use crate::bench::result::Bar;

/// A cluster's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    /// Its policies, the prober's own beside.
    pub(super) policies: usize,
    /// Its pods, the local ones included.
    pub(super) pods: usize,
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// Starts of the agent.
    pub(super) starts: usize,
    /// Changes of each kind.
    pub(super) changes: usize,
    /// Changes towards each verdict.
    pub(super) turns: usize,
    /// What each of these may take: large clusters get fewer.
    pub(super) limit: Duration,
}

impl Effort {
    pub(super) const QUICK: Self = Self { starts: 1, changes: 5, turns: 3, limit: Duration::from_secs(10) };
    pub(super) const FULL: Self = Self { starts: 3, changes: 100, turns: 30, limit: Duration::from_secs(15) };
}

/// What is measured of each size: the case without the size, and the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct What {
    /// Such as `last-write/policy`.
    pub(super) case: &'static str,
    /// Such as `p50`.
    pub(super) metric: &'static str,
}

impl Size {
    const SMALLEST: Self = Self { policies: 10, pods: 100 };
    /// The size that most bars are set for.
    const USUAL: Self = Self { policies: 1_000, pods: 10_000 };
    const LARGEST: Self = Self { policies: 10_000, pods: 100_000 };

    pub(super) const ALL: [Self; 4] =
        [Self::SMALLEST, Self { policies: 100, pods: 1_000 }, Self::USUAL, Self::LARGEST];

    /// The most pods that are local.
    pub(super) const MOST_LOCAL: usize = 110;

    /// Those of its pods that are local.
    pub(super) fn local(self) -> usize {
        self.pods.min(Self::MOST_LOCAL)
    }

    /// A case of this size.
    pub(super) fn case(self, what: &str) -> String {
        format!("{what}/{}-policies-{}-pods", self.policies, self.pods)
    }

    /// All cases of this size.
    pub(super) fn cases(self) -> Vec<String> {
        super::changes::CASES
            .into_iter()
            .chain(super::connections::CASES)
            .chain(super::cold::CASES)
            .map(|what| self.case(what))
            .collect()
    }

    /// What a figure of this size must reach, in its unit.
    pub(super) fn bar(self, what: What) -> Option<Bar> {
        let most = match (self, what.case, what.metric) {
            (Self::SMALLEST, "first-connection/allow" | "first-connection/deny", "p50") => 1.5,
            (Self::SMALLEST, "first-connection/allow" | "first-connection/deny", "p90") => 8.0,
            (Self::USUAL, "last-write/policy" | "last-write/label", "p50") => 3.0,
            (Self::USUAL, "last-write/policy" | "last-write/label", "p99") => 50.0,
            (Self::USUAL, "start/ready", "time") => 2_000.0,
            (Self::USUAL, "memory/resident", "after sync") => 64.0,
            (Self::LARGEST, "memory/resident", "after sync") => 256.0,
            _ => return None,
        };
        Some(Bar::ValueAtMost(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_of_cases_that_are_measured() {
        let named =
            ["first-connection/allow", "first-connection/deny", "last-write/policy", "last-write/label"];
        for what in named.into_iter().chain(["start/ready", "memory/resident"]) {
            assert!(Size::USUAL.cases().contains(&Size::USUAL.case(what)), "{what}");
        }
        let bar = |size: Size, case, metric| size.bar(What { case, metric });
        assert_eq!(bar(Size::USUAL, "last-write/label", "p99"), Some(Bar::ValueAtMost(50.0)));
        assert_eq!(bar(Size::LARGEST, "last-write/label", "p99"), None);
    }
}
