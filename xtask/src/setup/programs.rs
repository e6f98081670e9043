//! Programs that are used as they are.

use super::{
    apt,
    commands::{Action, Commands},
};
use crate::{process, toolchain::on_path, workspace};
use anyhow::Result;
use std::{path::Path, process::Command, time::Duration};

/// A program and Debian's package of it.
/// No C compiler: without one this very program could not have been linked.
const NEEDED: [(&str, &str); 4] = [
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("nsenter", "util-linux"),
    ("host-local", "containernetworking-plugins"),
];

/// Where CNI plugins are, which no search path has.
const PLUGINS: [&str; 2] = ["/usr/lib/cni", "/opt/cni/bin"];

/// Only for people: to look at what the agent loaded. Not everywhere a package of its own.
const WELCOME: (&str, &str) = ("bpftool", "bpftool");

const DENY_VERSION: &str = "0.20.2";
const FUZZ_VERSION: &str = "0.13.2";
const MUTANTS_VERSION: &str = "27.1.0";

/// What benchmarks set rivals up with, and the source of their streams.
const BENCHMARKS: [(&str, &str); 3] = [("ipset", "ipset"), ("nft", "nftables"), ("iperf3", "iperf3")];

/// What the demo and the tests run.
pub(crate) fn needed(commands: &mut Commands) -> Result<()> {
    // Without package lists nobody knows yet; with its first command root has some.
    let offered =
        |package: &str| apt::candidate(package).is_some() || !(workspace::is_root() || apt::has_lists());
    let wanted = NEEDED.into_iter().chain([WELCOME].into_iter().filter(|(_, package)| offered(package)));
    packaged(commands, "Programs for the demo and the tests", wanted)
}

/// What benchmarks run.
pub(crate) fn benchmarks(commands: &mut Commands) -> Result<()> {
    packaged(commands, "Programs for benchmarks beside others", BENCHMARKS.into_iter())
}

/// Programs of Debian's packages.
fn packaged(
    commands: &mut Commands,
    purpose: &str,
    wanted: impl Iterator<Item = (&'static str, &'static str)>,
) -> Result<()> {
    let (there, missing): (Vec<_>, Vec<_>) = wanted.partition(|(program, _)| is_there(program));
    if !there.is_empty() {
        commands.there(&there.iter().map(|(program, _)| *program).collect::<Vec<_>>().join(", "));
    }
    if !missing.is_empty() {
        let packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
        apt::install(commands, purpose, &packages)?;
    }
    Ok(())
}

fn is_there(program: &str) -> bool {
    on_path(program).is_some() || PLUGINS.iter().any(|folder| Path::new(folder).join(program).is_file())
}

/// What only the checks run.
pub(crate) fn checks(commands: &mut Commands) -> Result<()> {
    for component in ["rustfmt", "clippy"] {
        let subcommand = if component == "rustfmt" { "fmt" } else { component };
        let asked = process::output_within(
            Command::new(cargo()).args([subcommand, "--version"]),
            Duration::from_secs(30),
        )?;
        if asked.is_some_and(|(success, _)| success) {
            commands.there(component);
        } else {
            commands.run(component, Action::new(&["rustup", "component", "add", component]))?;
        }
    }
    subcommand(commands, "cargo-deny", DENY_VERSION)
}

/// What fuzzing uses: cargo-fuzz, and a C++ compiler for libFuzzer, which comes as source.
pub(crate) fn fuzzing(commands: &mut Commands) -> Result<()> {
    if on_path("c++").is_some() {
        commands.there("c++");
    } else {
        apt::install(commands, "A C++ compiler for libFuzzer", &["g++"])?;
    }
    subcommand(commands, "cargo-fuzz", FUZZ_VERSION)
}

/// What makes mutants.
pub(crate) fn mutants(commands: &mut Commands) -> Result<()> {
    subcommand(commands, "cargo-mutants", MUTANTS_VERSION)
}

/// What runs virtual machines.
pub(crate) fn machines(commands: &mut Commands) -> Result<()> {
    const QEMU: &str = "qemu-system-x86_64";
    if on_path(QEMU).is_some() {
        commands.there(QEMU);
    } else {
        apt::install(commands, "A machine emulator", &["qemu-system-x86"])?;
    }
    Ok(())
}

/// A program that cargo installs.
fn subcommand(commands: &mut Commands, name: &str, version: &str) -> Result<()> {
    if on_path(name).is_some() {
        commands.there(name);
    } else {
        let words = ["cargo", "install", name, "--version", version, "--locked"];
        commands.run(&format!("{name} (some minutes)"), Action::new(&words))?;
    }
    Ok(())
}

fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
