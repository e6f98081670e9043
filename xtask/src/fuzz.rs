//! `cargo xtask fuzz`: cargo-fuzz on the targets in `tests/fuzz`.
//!
//! With the agent's own stable compiler: libFuzzer needs coverage counters, which stable has as a code-generation
//! option; only sanitizers need a nightly, and the code under test has no `unsafe` for them to watch.

use crate::{
    build::{self, cargo},
    process,
    quantity::quantity,
    setup, workspace,
};
use anyhow::{Context as _, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The targets, as `enforcer_tests::fuzz::Target` has them.
const TARGETS: [&str; 3] = ["parser", "decide", "yaml"];

/// Which target, and for how long.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The target (default: each in turn)
    #[arg(value_parser = TARGETS)]
    target: Option<String>,
    /// Minutes for each target
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// Processes at the same time, each with the same corpus
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: u32,
}

/// Sets up and fuzzes.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    setup::run(setup::Purpose::Fuzz)?;
    seed()?;
    let chosen = arguments.target.as_deref();
    for target in TARGETS.into_iter().filter(|target| chosen.is_none_or(|chosen| chosen == *target)) {
        fuzz(target, arguments.minutes * 60, arguments.jobs)?;
    }
    Ok(())
}

/// Writes the seeds; each target keeps a corpus of its own beside them.
fn seed() -> Result<()> {
    let mut seeds = cargo()?;
    seeds.args(["run", "--quiet", "--package", "enforcer-tests", "--bin", "enforcer-seeds", "--"]);
    process::loudly(seeds.arg(folder()?.join("seeds")))
}

/// Fuzzes a target.
fn fuzz(target: &str, seconds: u64, jobs: u32) -> Result<()> {
    let folder = folder()?;
    let (corpus, crashes) = (folder.join("corpus").join(target), folder.join("crashes").join(target));
    for folder in [&corpus, &crashes] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let before = files(&crashes)?;
    println!("Fuzzing `{target}` for {seconds} s");
    let mut fuzz = cargo()?;
    // Both cores build; one unit would take the agent's crate five minutes.
    fuzz.args(["fuzz", "run", "--fuzz-dir", "tests/fuzz", "--sanitizer", "none", "--codegen-units", "16"]);
    fuzz.arg("--target-dir");
    fuzz.arg(folder.join("build")).arg(target).arg(&corpus).arg(folder.join("seeds").join(target));
    fuzz.args(["--", "-print_final_stats=1", "-timeout=10"]);
    fuzz.arg(format!("-max_total_time={seconds}"));
    fuzz.arg(format!("-artifact_prefix={}/", crashes.display()));
    if jobs > 1 {
        fuzz.arg(format!("-fork={jobs}"));
    }
    // The object has nothing to do with coverage counters.
    fuzz.env(build::FINISHED_OBJECT, build::object()?);
    let result = process::loudly(&mut fuzz);
    let new: Vec<PathBuf> = files(&crashes)?.into_iter().filter(|file| !before.contains(file)).collect();
    for file in &new {
        println!(
            "`{target}` fails on {}; once it is understood: cp {0} tests/fuzz/regressions/{target}/NAME",
            file.display()
        );
    }
    if !new.is_empty() {
        bail!("`{target}` fails on {}", quantity(new.len(), "new input"));
    }
    result
}

fn folder() -> Result<PathBuf> {
    Ok(workspace::target_dir()?.join("fuzz"))
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}
