//! Where the enforcer's program is.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

/// `ENFORCER_BIN`; else the program that was built beside the one that asks, which for a test program is built
/// now if it is not there.
pub fn binary() -> Result<PathBuf> {
    let path = match env::var_os("ENFORCER_BIN") {
        Some(path) => PathBuf::from(path),
        None => beside()?,
    };
    ensure!(
        path.is_file(),
        "there is no enforcer at {:?}: build it with `cargo build -p enforcer`, or say where it is in ENFORCER_BIN",
        path.display().to_string()
    );
    path.canonicalize().with_context(|| format!("cannot find {}", path.display()))
}

fn beside() -> Result<PathBuf> {
    let own = env::current_exe().context("where is this program?")?;
    let folder = own.parent().context("this program is in no folder")?;
    // Cargo puts test programs one folder below the others.
    let Some(programs) = folder.parent().filter(|_| folder.ends_with("deps")) else {
        return Ok(folder.join("enforcer"));
    };
    let path = programs.join("enforcer");
    if !path.is_file() {
        build(programs)?;
    }
    Ok(path)
}

/// For a test that is run by itself; `cargo xtask test` builds it before.
fn build(programs: &Path) -> Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--package", "enforcer", "--bins"]);
    if programs.ends_with("release") {
        command.arg("--release");
    }
    if let Some(target) = programs.parent() {
        command.arg("--target-dir").arg(target);
    }
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let status = command.status().context("cannot run cargo")?;
    if !status.success() {
        bail!("`cargo build -p enforcer` failed ({status})");
    }
    Ok(())
}
