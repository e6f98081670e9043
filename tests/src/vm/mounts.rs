//! The file systems that programs expect.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use nix::mount::{MsFlags, mount};

/// A file system: its type, where it is mounted, and whether anything runs without it. Nothing on `/tmp`: all is in memory anyway, and the
/// programs' own files may be below it.
const FILE_SYSTEMS: [(&str, &str, bool); 8] = [
    ("devtmpfs", "/dev", true),
    ("proc", "/proc", true),
    ("sysfs", "/sys", true),
    ("tmpfs", "/run", true),
    ("bpf", "/sys/fs/bpf", true),
    ("cgroup2", "/sys/fs/cgroup", false),
    ("tracefs", "/sys/kernel/tracing", false),
    ("debugfs", "/sys/kernel/debug", false),
];

/// Mounts them; returns what this kernel lacks of those that can be done without.
pub(super) fn mount_all() -> Result<Vec<String>> {
    let mut missing = Vec::new();
    for (kind, place, needed) in FILE_SYSTEMS {
        let mounted = mount_one(kind, place).with_context(|| format!("cannot mount {kind} on {place}"));
        match mounted {
            Ok(()) => {}
            Err(error) if needed => return Err(error),
            Err(error) => missing.push(format!("{error:#}")),
        }
    }
    Ok(missing)
}

fn mount_one(kind: &str, place: &str) -> Result<()> {
    // What lies in sysfs is there or cannot be made.
    if !Path::new(place).is_dir() {
        fs::create_dir_all(place)?;
    }
    mount(Some(kind), place, Some(kind), MsFlags::empty(), None::<&str>)?;
    Ok(())
}
