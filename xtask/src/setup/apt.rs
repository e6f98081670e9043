//! Debian's packages.

use super::commands::{Action, Commands};
use crate::workspace;
use anyhow::Result;
use std::process::Command;

/// The version of a package that would be installed; `None` when apt knows none or there is no apt.
pub(crate) fn candidate(package: &str) -> Option<String> {
    let text = ask(&["policy", package])?;
    let version = text.lines().find_map(|line| line.trim().strip_prefix("Candidate:"))?.trim();
    (version != "(none)").then(|| version.to_owned())
}

/// The major version of the LLVM library that a package depends on.
pub(crate) fn llvm_of(package: &str) -> Option<u32> {
    let text = ask(&["depends", package])?;
    text.lines().find_map(|line| line.trim().strip_prefix("Depends: libllvm")?.parse().ok())
}

/// Fetches the package lists anew. As root even while commands are only being collected: what else is to be
/// done depends on them. Returns whether they are new now.
pub(crate) fn update(commands: &mut Commands) -> Result<bool> {
    let action = Action::as_root(&["apt-get", "update", "-q"]);
    if workspace::is_root() && ask(&["--version"]).is_some() {
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
    // `--no-remove`: a distribution's own `rustc` in the way is the administrator's to remove.
    let words = ["apt-get", "install", "-qy", "--no-install-recommends", "--no-remove"];
    let action = || {
        let words: Vec<&str> = words.iter().chain(packages).copied().collect();
        Action::as_root(&words).env("DEBIAN_FRONTEND", "noninteractive")
    };
    match commands.run(purpose, action()) {
        Err(_) if !updated => {
            println!("    again with new package lists");
            update(commands)?;
            commands.run(purpose, action())
        }
        result => result,
    }
}

fn ask(arguments: &[&str]) -> Option<String> {
    let output = Command::new("apt-cache").args(arguments).env("LC_ALL", "C").output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
