//! Our own programs, linked statically.

use crate::{artifact, build::cargo};
use anyhow::{Result, ensure};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
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
    artifact::link_statically(&mut cargo);
    let found = artifact::executables(&mut cargo)?;
    for Program { name, .. } in all() {
        ensure!(found.contains_key(name), "cargo built no {name}");
    }
    Ok(found)
}
