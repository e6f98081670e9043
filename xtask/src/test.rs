//! `cargo xtask test`: everything that CI checks, in order, cheapest first.

mod advisories;
mod levels;

use crate::{
    bench,
    build::cargo,
    check, process, prove, setup,
    summary::{Outcome, Summary},
    toolchain, workspace,
};
use anyhow::{Context as _, Result, anyhow, bail};
use clap::Parser as _;
pub(crate) use levels::{Level, parse as level, programs};
use std::{ffi::OsString, process::Command, time::Duration};

/// Half a minute each on two processors.
const HOST_CASES: &str = "2000000";
const KERNEL_CASES: &str = "300000";

/// Which tests, and what to tell them.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only the tests of this level (1, 2, 3: host; 4, 5: kernel; 6: network namespaces); may be repeated
    #[arg(long = "level", value_name = "N", value_parser = levels::parse)]
    levels: Vec<Level>,
    /// For the test programs, such as a part of a test's name
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

/// Sets up and checks. With `--level` the tests of these levels only.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let everything = arguments.levels.is_empty();
    setup::run(if everything { setup::Purpose::Test } else { setup::Purpose::Build })?;
    let mut summary = Summary::new();
    if everything {
        lints(&mut summary);
    }
    for level in [Level::Host, Level::Kernel, Level::Namespaces] {
        if everything || arguments.levels.contains(&level) {
            levels::run(&mut summary, level, &arguments.arguments);
        }
    }
    if everything {
        proof(&mut summary);
        benchmarks(&mut summary);
        dependencies(&mut summary);
    }
    summary.finish()
}

fn lints(summary: &mut Summary) {
    summary.step("Format", || passed(cargo()?.args(["fmt", "--all", "--check"])));
    summary.step("Structure", || check::run().map(|()| Outcome::Passed));
    summary.step("Clippy", || {
        passed(cargo()?.args([
            "clippy",
            "--workspace",
            "--exclude",
            "enforcer-ebpf",
            "--all-targets",
            "--all-features",
            "--",
            "--deny=warnings",
        ]))
    });
    summary.step("Clippy, the core alone", || {
        passed(cargo()?.args([
            "clippy",
            "--package",
            "enforcer",
            "--package",
            "enforcer-tests",
            "--no-default-features",
            "--lib",
            "--",
            "--deny=warnings",
        ]))
    });
    // Its build is the proof that it needs nothing of the agent's.
    summary.step("Clippy, the CNI plugin alone", || {
        passed(cargo()?.args([
            "clippy",
            "--package",
            "enforcer",
            "--no-default-features",
            "--features",
            "cni",
            "--bin",
            "enforcer-cni",
            "--",
            "--deny=warnings",
        ]))
    });
    summary.step("Clippy, eBPF object", clippy_ebpf);
    summary.step("Documentation", || {
        passed(
            cargo()?
                .args([
                    "doc",
                    "--workspace",
                    "--exclude",
                    "enforcer-ebpf",
                    "--no-deps",
                    "--document-private-items",
                ])
                .env("RUSTDOCFLAGS", "--deny=warnings"),
        )
    });
}

/// With the compiler of the object, whose lints are not quite those of the agent's.
fn clippy_ebpf() -> Result<Outcome> {
    let (toolchain, linker) = toolchain::find(workspace::OLDEST_RUST).map_err(|missing| anyhow!(missing))?;
    let target = workspace::target_dir()?.join("ebpf");
    let options = toolchain::options("enforcer-ebpf", &target);
    if toolchain.sysroot.join("bin/cargo-clippy").is_file() {
        let mut clippy = toolchain.program("cargo-clippy", &linker);
        return passed(clippy.current_dir(workspace::root()?).arg("clippy").args(options).args([
            "--bins",
            "--",
            "--deny=warnings",
        ]));
    }
    println!("{} has no clippy: the compiler's own warnings are denied instead", toolchain.sysroot.display());
    let mut check = toolchain.program("cargo", &linker);
    check.current_dir(workspace::root()?).args(["check", "--quiet", "--bins"]).args(options);
    println!("$ {}", process::shown(&check));
    let (success, said) =
        process::output_within(&mut check, Duration::from_secs(1200))?.context("it took too long")?;
    print!("{said}");
    if !success || said.lines().any(|line| line.starts_with("warning")) {
        bail!("the eBPF object has warnings or errors");
    }
    Ok(Outcome::Passed)
}

/// Levels 2 and 4 on fresh numbers: what no earlier run has tried.
fn proof(summary: &mut Summary) {
    summary.step("Proof on a fresh seed (levels 2, 4)", || {
        let words = ["--host", HOST_CASES, "--kernel", KERNEL_CASES].map(OsString::from);
        let options = prove::Options::try_parse_from(["prove".into()].iter().chain(&words))?;
        passed(&mut prove::build(&options, &words)?)
    });
}

/// Whether they run and their ratios make sense; never a time.
fn benchmarks(summary: &mut Summary) {
    summary.step("Benchmarks' own tests", || {
        // They are no level's: the other programs are built without them.
        passed(cargo()?.args([
            "test",
            "--package",
            "enforcer-tests",
            "--features",
            "bench",
            "--lib",
            "bench::",
        ]))
    });
    for suite in ["packet", "forward", "rivals", "control"] {
        summary.step(&format!("Benchmark {suite}, quickly"), || {
            let words = [suite, "--quick"].map(OsString::from);
            let options = bench::Options::try_parse_from(["bench".into()].iter().chain(&words))?;
            passed(&mut bench::build(&options, &words)?)
        });
    }
}

fn dependencies(summary: &mut Summary) {
    summary.step("Dependencies: bans, licences, sources", || {
        passed(cargo()?.args(["deny", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"]))
    });
    summary.step("Dependencies: advisories", advisories::run);
}

fn passed(command: &mut Command) -> Result<Outcome> {
    println!("$ {}", process::shown(command));
    process::loudly(command).map(|()| Outcome::Passed)
}
