//! What a suite writes: one object with the machine, the versions and every measurement.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The results of one run of one suite, as `--json` writes them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Where it ran.
    pub machine: Machine,
    /// The kernel's release (uname(2)).
    pub kernel: String,
    /// The commit of the tree it was built from, with `-dirty` when that had changes; empty when unknown.
    pub commit: String,
    /// Of the programs that took part, by name.
    pub versions: BTreeMap<String, String>,
    /// What was measured, in the order in which it was.
    pub results: Vec<Measurement>,
}

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name (`/proc/cpuinfo`).
    pub cpu: String,
    /// Processors online.
    pub cpus: usize,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// What it runs on, where the kernel tells (`/sys/hypervisor`, DMI), else empty.
    pub platform: String,
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The suite.
    pub suite: String,
    /// The case, such as `established/ipv4/to-pod`.
    pub case: String,
    /// What was measured, such as `cost`.
    pub metric: String,
    /// Such as `ns/packet`.
    pub unit: String,
    /// The median over all rounds.
    pub value: f64,
    /// Half the distance between the quartiles, in the same unit.
    pub spread: f64,
    /// What it is measured against, and its own median in the same unit.
    pub baseline: Option<Baseline>,
    /// The median, over all rounds, of this round's figure over this round's baseline.
    pub ratio: Option<f64>,
    /// What it should reach.
    pub bar: Option<Bar>,
    /// Whether it does.
    pub pass: Option<bool>,
    /// The raw figures, by round.
    pub rounds: Vec<f64>,
}

/// What a figure is measured against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Its name.
    pub name: String,
    /// Its median.
    pub value: f64,
}

/// A mark to reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bar {
    /// The ratio is at most this.
    RatioAtMost(f64),
    /// The ratio is at least this.
    RatioAtLeast(f64),
    /// The value is at most this.
    ValueAtMost(f64),
}

impl Bar {
    /// Whether a figure reaches it; a missing ratio does not.
    #[must_use]
    pub fn is_reached(self, value: f64, ratio: Option<f64>) -> bool {
        match self {
            Self::RatioAtMost(most) => ratio.is_some_and(|ratio| ratio <= most),
            Self::RatioAtLeast(least) => ratio.is_some_and(|ratio| ratio >= least),
            Self::ValueAtMost(most) => value <= most,
        }
    }
}

impl std::fmt::Display for Bar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::RatioAtMost(most) => write!(f, "≤ {most} ×"),
            Self::RatioAtLeast(least) => write!(f, "≥ {least} ×"),
            Self::ValueAtMost(most) => write!(f, "≤ {most}"),
        }
    }
}
