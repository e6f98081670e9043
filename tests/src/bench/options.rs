//! The benchmarks' command line. `cargo xtask` includes this file, to answer before it sets anything up.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Benchmarks. Each figure is a ratio inside one run: machines and their noise differ, so nanoseconds of two runs
/// do not compare.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench", disable_help_subcommand = true)]
pub struct Options {
    /// What to do
    #[command(subcommand)]
    pub suite: Suite,
}

/// A suite, or something to do with results.
#[derive(Debug, Subcommand)]
pub enum Suite {
    /// Nanoseconds that the programs add to a packet (BPF_PROG_TEST_RUN), beside bare look-ups of the same keys
    Packet(Run),
    /// Packets and connections per second, latency and iperf3 streams between two pods, with the programs and without
    Forward(Run),
    /// Ours beside iptables as kube-router, Azure NPM and Calico lay it out, nftables at its best, and no policy at all
    Rivals(Run),
    /// From a change of the cluster to the last map write and to the first connection with the new verdict; cold start, CPU,
    /// memory; up to 10,000 policies and 100,000 pods
    Control(Run),
    /// Makes tables and plots of result files
    Report {
        /// Written by `--json`
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Where they go
        #[arg(long, value_name = "DIR", default_value = "target/bench")]
        out: PathBuf,
        /// Put the tables between the marks of this page, such as docs/benchmarks.md, and the plots into the folder of its
        /// name
        #[arg(long, value_name = "FILE", conflicts_with = "out")]
        page: Option<PathBuf>,
    },
    /// Flags what has become worse between two result files
    Compare {
        /// The earlier results
        old: PathBuf,
        /// The later ones
        new: PathBuf,
    },
}

/// How a suite is run.
#[derive(Debug, Clone, Args)]
pub struct Run {
    /// Few and short rounds: whether it works and the ratios make sense, not how fast it is
    #[arg(long)]
    pub quick: bool,
    /// Write the results, raw rounds included, to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Only cases whose name contains this
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
}

impl Suite {
    /// How the suite is run; `None` when nothing is measured, and so nothing set up.
    #[must_use]
    pub const fn run(&self) -> Option<&Run> {
        match self {
            Self::Packet(run) | Self::Forward(run) | Self::Rivals(run) | Self::Control(run) => Some(run),
            Self::Report { .. } | Self::Compare { .. } => None,
        }
    }

    /// Whether it needs programs that are not ours.
    #[must_use]
    pub const fn is_beside_others(&self) -> bool {
        matches!(self, Self::Forward(_) | Self::Rivals(_))
    }

    /// Whether it starts the agent, which must have been built.
    #[must_use]
    pub const fn starts_agent(&self) -> bool {
        matches!(self, Self::Forward(_) | Self::Control(_))
    }
}
