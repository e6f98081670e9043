//! The file system in which maps and links are pinned.

use super::commands::{Action, Commands};
use anyhow::Result;
use std::fs;

const PLACE: &str = "/sys/fs/bpf";

/// Mounts it where everybody expects it.
pub(crate) fn mount(commands: &mut Commands) -> Result<()> {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mounted = mounts.lines().any(|line| {
        let mut words = line.split(' ').skip(1);
        words.next() == Some(PLACE) && words.next() == Some("bpf")
    });
    if mounted {
        commands.there("bpffs");
        return Ok(());
    }
    commands.run("bpffs, where maps are pinned", Action::as_root(&["mount", "-t", "bpf", "bpf", PLACE]))?;
    Ok(())
}
