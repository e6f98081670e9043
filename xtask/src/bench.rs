//! `cargo xtask bench`.

use crate::{build, process, program, setup::Purpose, workspace};
use anyhow::{Result, bail};
use std::{ffi::OsString, process::Command};

#[path = "../../tests/src/bench/options.rs"]
#[allow(unreachable_pub, reason = "the benchmarks, whose command line it is, export it")]
mod options;

pub(crate) use options::Options;

/// Sets up, builds, and becomes the benchmark.
pub(crate) fn run(options: &Options) -> Result<()> {
    let purpose = if options.suite.is_beside_others() { Purpose::Bench } else { Purpose::Build };
    program::become_it(purpose, || build(options, &program::words()))
}

/// Builds it, optimised. `words` are the options as they were typed.
pub(crate) fn build(options: &Options, words: &[OsString]) -> Result<Command> {
    let mut cargo = build::cargo()?;
    cargo.args(["build", "--release", "--package", "enforcer-tests"]);
    cargo.args(["--features", "enforcer-tests/bench", "--bin", "enforcer-bench"]);
    if options.suite.starts_agent() {
        cargo.args(["--package", "enforcer", "--bin", "enforcer"]);
    }
    process::loudly(&mut cargo)?;
    let mut bench = Command::new(workspace::target_dir()?.join("release/enforcer-bench"));
    bench.args(words);
    if options.suite.run().is_some() && !workspace::is_root() {
        bail!(
            "benchmarks load eBPF programs, so they run as root: {}",
            workspace::as_root(&process::shown(&bench))
        );
    }
    Ok(bench)
}
