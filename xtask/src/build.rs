//! `cargo xtask build`, and the build that the demo runs.

use crate::{process, toolchain, workspace};
use anyhow::{Result, ensure};
use std::{env, path::PathBuf, process::Command};

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

/// Tells the agent's build to embed a finished object.
pub(crate) const FINISHED_OBJECT: &str = "ENFORCER_EBPF_OBJECT";

/// The finished eBPF object, built from the code as it is: for those who build the agent many times over.
pub(crate) fn object() -> Result<PathBuf> {
    process::loudly(cargo()?.args(["build", "--quiet", "--package", "enforcer", "--lib"]))?;
    let object = workspace::target_dir()?.join("ebpf").join(toolchain::TARGET).join("release/enforcer");
    ensure!(object.is_file(), "{} is not there after a build", object.display());
    Ok(object)
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
