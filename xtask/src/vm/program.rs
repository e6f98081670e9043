//! Our own programs, linked statically.

use crate::{build::cargo, process};
use anyhow::{Context as _, Result, ensure};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
};

/// The only machine that is emulated.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What cargo calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A program.
    Bin,
    /// A test program.
    Test,
}

/// A program of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) package: &'static str,
    /// Features of the package besides its default ones.
    pub(super) features: &'static [&'static str],
    pub(super) kind: Kind,
    pub(super) name: String,
}

/// The first process of each machine.
pub(super) fn init() -> Program {
    Program { package: "enforcer-tests", features: &[], kind: Kind::Bin, name: "enforcer-vm-init".to_owned() }
}

/// Builds programs, and the first process; returns where each is, by name. Optimised: emulation is slow enough.
pub(super) fn build(programs: &[Program]) -> Result<BTreeMap<String, PathBuf>> {
    ensure!(
        cfg!(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu")),
        "virtual machines are made on x86-64 with glibc only"
    );
    println!("Building for the machine (the first time takes some minutes)");
    let mut cargo = cargo()?;
    cargo.args(["build", "--profile", "guest", "--target", TARGET]);
    cargo.arg("--message-format=json-render-diagnostics");
    let init = init();
    let all = || programs.iter().chain([&init]);
    // The agent's package each time: with other packages cargo would choose other features, and build all anew.
    let packages: BTreeSet<&str> = all().map(|program| program.package).chain(["enforcer"]).collect();
    for package in packages {
        cargo.args(["--package", package]);
    }
    for Program { package, features, kind, name } in all() {
        cargo.args([if *kind == Kind::Bin { "--bin" } else { "--test" }, name]);
        for feature in *features {
            cargo.arg("--features").arg(format!("{package}/{feature}"));
        }
    }
    // With `--target`, so that the flags are not those of build scripts and macros.
    cargo.env("RUSTFLAGS", "-C target-feature=+crt-static");
    let found = executables(&mut cargo)?;
    for Program { name, .. } in all() {
        ensure!(found.contains_key(name), "cargo built no {name}");
    }
    Ok(found)
}

/// Runs cargo, whose progress is seen; what it built, from its messages.
fn executables(cargo: &mut Command) -> Result<BTreeMap<String, PathBuf>> {
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let mut found = BTreeMap::new();
    let output = child.stdout.take().context("cargo has no output")?;
    for line in BufReader::new(output).lines() {
        found.extend(executable(&line?));
    }
    ensure!(child.wait()?.success(), "{} failed", process::shown(cargo));
    Ok(found)
}

/// The program of one message of cargo.
fn executable(message: &str) -> Option<(String, PathBuf)> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let path = message.get("executable")?.as_str()?;
    let name = message.get("target")?.get("name")?.as_str()?;
    Some((name.to_owned(), PathBuf::from(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_among_cargos_messages() {
        let message = r#"{"reason":"compiler-artifact","target":{"kind":["test"],"name":"kernel_x"},"executable":"/t/kernel_x-1"}"#;
        assert_eq!(executable(message), Some(("kernel_x".to_owned(), PathBuf::from("/t/kernel_x-1"))));
        assert_eq!(executable(r#"{"target":{"name":"anyhow"},"executable":null}"#), None);
        assert_eq!(executable("running 1 test"), None);
    }
}
