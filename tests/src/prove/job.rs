//! The parts that a run is made of.

use std::fmt;

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Where a job's packets are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Oracle against host.
    Host,
    /// Oracle against kernel, and host against kernel.
    Kernel,
}

impl Level {
    /// Its name in files and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Kernel => "kernel",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a job's cases are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Packets that open flows, each without any flow before it.
    Openings,
    /// Packets of a few flows, with changes of the cluster between them.
    Histories,
    /// Frames of every make, with changes of the cluster and time between them.
    Stories,
    /// Openings after every single write of a change: the old verdict or the new one.
    Writes,
    /// Flows over a change whose writes fail in the middle.
    Failures,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Openings => "openings",
            Self::Histories => "histories",
            Self::Stories => "stories of frames",
            Self::Writes => "openings after every single write",
            Self::Failures => "flows over a failed write",
        })
    }
}

/// One part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Job {
    /// The run's seed.
    pub seed: u64,
    /// Where.
    pub level: Level,
    /// Its place in the run.
    pub number: u64,
}

impl Job {
    /// What its cases are. Most are of the kinds that the oracle itself judges.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match (self.level, self.number % 8) {
            (_, 1 | 5) => Kind::Histories,
            (_, 2 | 3) => Kind::Stories,
            (Level::Host, 6) => Kind::Writes,
            (Level::Host, 7) => Kind::Failures,
            _ => Kind::Openings,
        }
    }

    /// A runner of this many cases, with the job's own random numbers.
    pub(super) fn runner(self, cases: u32) -> TestRunner {
        let mut bytes = [0; 32];
        let words = [self.seed, self.level as u64, self.number];
        for (to, from) in bytes.iter_mut().zip(words.into_iter().flat_map(u64::to_le_bytes)) {
            *to = from;
        }
        let config =
            Config { cases, failure_persistence: None, max_shrink_iters: SHRINKING, ..Config::default() };
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
    }
}

/// Cases that are tried to make one that differs smaller: some seconds.
const SHRINKING: u32 = 20_000;
