//! Debian's packages.

use super::commands::{Action, Commands};
use crate::workspace;
use anyhow::Result;
use std::{
    fs,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

/// Are the package lists from this very run?
static UPDATED: AtomicBool = AtomicBool::new(false);

/// The version of a package that would be installed; `None` when apt knows none or there is no apt.
pub(crate) fn candidate(package: &str) -> Option<String> {
    policy(package, "Candidate:")
}

/// Are there package lists, so that a package which apt does not know is none?
pub(crate) fn has_lists() -> bool {
    let entries = fs::read_dir("/var/lib/apt/lists").into_iter().flatten();
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
}

/// Is a package installed?
pub(crate) fn is_installed(package: &str) -> bool {
    policy(package, "Installed:").is_some()
}

fn policy(package: &str, key: &str) -> Option<String> {
    let text = ask(&["policy", package])?;
    let version = text.lines().find_map(|line| line.trim().strip_prefix(key))?.trim();
    (version != "(none)").then(|| version.to_owned())
}

/// The major version of the LLVM library that a Rust compiler's package comes with: its standard library's
/// package, which holds the compiler's own library too, depends on it.
pub(crate) fn llvm_of(package: &str) -> Option<u32> {
    let text = ask(&["depends", package])?;
    let names: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("Depends: ")).collect();
    let direct = names.iter().find_map(|name| name.strip_prefix("libllvm")?.split(':').next()?.parse().ok());
    direct.or_else(|| {
        names.iter().filter(|name| name.starts_with("libstd-rust-")).find_map(|name| llvm_of(name))
    })
}

/// Fetches the package lists anew. As root even while commands are only being collected: what else is to be
/// done depends on them. Returns whether they are new now.
pub(crate) fn update(commands: &mut Commands) -> Result<bool> {
    if UPDATED.load(Ordering::Relaxed) {
        return Ok(true);
    }
    let action = Action::as_root(&["apt-get", "update", "-q"]);
    if workspace::is_root() && ask(&["--version"]).is_some() {
        UPDATED.store(true, Ordering::Relaxed);
        return Commands::running().run("Debian's package lists", action);
    }
    commands.run("Debian's package lists", action)
}

/// Installs packages, with new lists if they are unknown or gone from the mirror.
pub(crate) fn install(commands: &mut Commands, purpose: &str, packages: &[&str]) -> Result<bool> {
    let mut updated = false;
    if packages.iter().any(|package| candidate(package).is_none()) {
        updated = update(commands)?;
    }
    let action = || installation(packages);
    match commands.run(purpose, action()) {
        Err(_) if !updated => {
            println!("    again with new package lists");
            update(commands)?;
            commands.run(purpose, action())
        }
        result => result,
    }
}

/// The command that installs packages.
pub(crate) fn installation(packages: &[&str]) -> Action {
    // `--no-remove`: a distribution's own `rustc` in the way is the administrator's to remove.
    let words = ["apt-get", "install", "-qy", "--no-install-recommends", "--no-remove"];
    let words: Vec<&str> = words.iter().chain(packages).copied().collect();
    Action::as_root(&words).env("DEBIAN_FRONTEND", "noninteractive")
}

fn ask(arguments: &[&str]) -> Option<String> {
    let output = Command::new("apt-cache").args(arguments).env("LC_ALL", "C").output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
