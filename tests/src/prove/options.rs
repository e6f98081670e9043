//! The proof's command line. `cargo xtask` includes this file, to answer before it sets anything up.

use std::{
    num::NonZero,
    path::{Path, PathBuf},
    thread,
};

use clap::Parser;

use crate::given;

/// Proves, on generated cases, that oracle, host and kernel judge alike. A case is one packet at one pod of one
/// generated cluster.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask prove", bin_name = "cargo xtask prove")]
pub struct Options {
    /// Cases on the host: `decide` over planned tables in memory, against the oracle
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub host: u64,
    /// Cases in the kernel: the real programs against the oracle and the host (as root)
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub kernel: u64,
    /// Fixes the whole run (default: a fresh one, which is printed)
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Play the job of a saved difference again, and nothing else
    #[arg(long, value_name = "FILE", value_parser = given::file, conflicts_with_all = ["host", "kernel", "seed"])]
    pub replay: Option<PathBuf>,
    /// Where differences are saved (default: target/prove)
    #[arg(long, value_name = "DIR")]
    pub save: Option<PathBuf>,
    /// Jobs at the same time (default: one for each processor)
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZero<usize>>,
}

impl Options {
    /// The folder for differences.
    pub(super) fn save(&self) -> &Path {
        self.save.as_deref().unwrap_or_else(|| Path::new("target/prove"))
    }

    /// Whether the real programs are run, which wants root.
    #[must_use]
    pub fn has_kernel(&self) -> bool {
        self.kernel > 0 && self.replay.is_none()
    }

    /// How many jobs run at the same time.
    pub(super) fn threads(&self) -> usize {
        self.threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZero::get)
    }
}
