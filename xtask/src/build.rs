//! `cargo xtask build`, and the build that the demo runs.

use crate::{process, workspace};
use anyhow::Result;
use std::{env, process::Command};

/// Builds the agent and the demo as a release.
pub(crate) fn run() -> Result<()> {
    println!("Building (the first time takes some minutes: the eBPF object brings its own `core`)");
    process::loudly(cargo()?.args([
        "build",
        "--release",
        "--package",
        "enforcer",
        "--package",
        "enforcer-tests",
        "--bins",
    ]))
}

/// The cargo that runs us, in the repository, building into the folder that we were built into.
pub(crate) fn cargo() -> Result<Command> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace::root()?).env("CARGO_TARGET_DIR", workspace::target_dir()?);
    // Set by `cargo run` for us; if it stayed, build scripts would see that it changed and run again.
    for (name, _) in env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            cargo.env_remove(name);
        }
    }
    Ok(cargo)
}
