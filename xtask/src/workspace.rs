//! Where things are, and who we are.

use anyhow::{Context as _, Result};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The oldest compiler that the crates accept.
pub(crate) const OLDEST_RUST: &str = env!("CARGO_PKG_RUST_VERSION");

/// The repository.
pub(crate) fn root() -> Result<PathBuf> {
    // Cargo sets the variable for `cargo run`; the built-in path serves when the program is started by hand.
    let own = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let own = PathBuf::from(own);
    own.parent().map(Path::to_path_buf).context("the crate has no parent folder")
}

/// Cargo's target folder: the one that this program was built into, so no setting can be overlooked.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let own = env::current_exe().context("where is this program?")?;
    let target = own.ancestors().nth(2).context("this program is not in a target folder")?;
    Ok(target.to_path_buf())
}

/// Do we run as root?
pub(crate) fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    ids.and_then(|ids| ids.split_whitespace().nth(1)) == Some("0")
}

/// How to say "the same, as root", for people.
pub(crate) fn as_root(command: &str) -> String {
    format!("sudo -E env \"PATH=$PATH\" \"HOME=$HOME\" {command}")
}
