//! Counts what was generated.

mod cluster;
mod flow;
mod port;
mod probe;

use std::{collections::BTreeMap, fmt};

use enforcer::store::Cluster;

use super::{Case, Construct, History};

/// How often each construct was in a case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Census {
    counts: BTreeMap<Construct, u64>,
}

impl Census {
    /// Counts the constructs of a cluster.
    pub fn cluster(&mut self, cluster: &Cluster) {
        cluster::count(self, cluster);
    }

    /// Counts a case: its cluster, its probes, and what the oracle answers.
    pub fn case(&mut self, case: &Case) {
        self.cluster(&case.cluster);
        for probe in &case.probes {
            probe::count(self, &case.cluster, probe);
        }
    }

    /// Counts a history: its first cluster, and what becomes of its flows.
    pub fn history(&mut self, history: &History) {
        self.cluster(&history.cluster);
        flow::count(self, history);
    }

    /// Adds another count to this one.
    pub fn merge(&mut self, other: &Self) {
        for (&construct, count) in &other.counts {
            *self.counts.entry(construct).or_default() += count;
        }
    }

    /// How often this construct was there.
    #[must_use]
    pub fn count(&self, construct: Construct) -> u64 {
        self.counts.get(&construct).copied().unwrap_or_default()
    }

    /// Of these constructs, those that never were.
    #[must_use]
    pub fn missing(&self, expected: &[Construct]) -> Vec<Construct> {
        expected.iter().copied().filter(|&construct| self.count(construct) == 0).collect()
    }

    /// Fails if a construct was never generated.
    ///
    /// # Panics
    /// With the list of those that were not.
    pub fn assert_complete(&self, expected: &[Construct]) {
        let missing: Vec<String> = self.missing(expected).iter().map(ToString::to_string).collect();
        assert!(missing.is_empty(), "never generated: {}", missing.join("; "));
    }

    fn note(&mut self, construct: Construct) {
        *self.counts.entry(construct).or_default() += 1;
    }

    fn note_if(&mut self, condition: bool, construct: Construct) {
        if condition {
            self.note(construct);
        }
    }
}

impl fmt::Display for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &construct in Construct::ALL {
            writeln!(f, "{:>12}  {construct}", self.count(construct))?;
        }
        Ok(())
    }
}
