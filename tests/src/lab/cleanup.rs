//! Removing labs. Works from the machine's state alone, not from what a process remembers, so that it is
//! the same for a lab that ends, one half built, and one whose process was killed.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process,
    time::Duration,
};

use anyhow::{Context, Result};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{LabId, ip, netns, pins};
use crate::poll;

/// Each lab has a folder here. On a file system that a reboot empties, like the namespaces themselves.
const FOLDER: &str = "/run/enforcer-lab";

/// The folder of a lab's files.
pub(super) fn folder(id: &LabId) -> PathBuf {
    Path::new(FOLDER).join(id.to_string())
}

/// Removes the labs of processes that no longer run.
pub(super) fn remove_abandoned() -> Result<()> {
    let mut found = BTreeSet::new();
    for name in names(Path::new(netns::FOLDER))? {
        found.extend(LabId::of_namespace(&name));
    }
    for name in names(Path::new(FOLDER))? {
        found.extend(name.parse::<LabId>().ok());
    }
    found.extend(names(Path::new(pins::FOLDER))?.iter().filter_map(|name| pins::owner(name)));
    for id in found.iter().filter(|id| !id.is_in_use()) {
        eprintln!("removing lab {id}, left behind by an earlier run");
        remove(id).with_context(|| format!("cannot remove lab {id} of an earlier run"))?;
    }
    Ok(())
}

/// Removes a lab: its processes, namespaces (and with them all devices, addresses, routes), pins and files.
pub(super) fn remove(id: &LabId) -> Result<()> {
    let prefix = id.prefix();
    let mut namespaces = names(Path::new(netns::FOLDER))?;
    namespaces.retain(|name| name.starts_with(&prefix));
    end_processes(&namespaces)?;
    if !namespaces.is_empty() {
        let script: String = namespaces.iter().map(|name| format!("netns del {name}\n")).collect();
        let deleted = ip::batch_forced(&script);
        // Another process may be removing the same lab: what counts is that it goes.
        if let Err(error) = deleted
            && names(Path::new(netns::FOLDER))?.iter().any(|name| name.starts_with(&prefix))
        {
            return Err(error);
        }
    }
    if let Some(memory) = enforcer::agent::memory_of(&pins::folder(id)) {
        fs::remove_file(memory).ok();
    }
    for folder in [pins::folder(id), folder(id)] {
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", folder.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("cannot read {}", folder.display()))?,
    };
    entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<_>>()
        .with_context(|| format!("cannot read {}", folder.display()))
}

/// Asks the processes inside to end, and after a while no longer asks.
fn end_processes(namespaces: &[String]) -> Result<()> {
    let mut inodes = BTreeSet::new();
    for name in namespaces {
        let file = Path::new(netns::FOLDER).join(name);
        // A name whose namespace was never mounted on it is an ordinary file: nobody is inside.
        inodes.extend(fs::metadata(file).ok().map(|data| (data.dev(), data.ino())));
    }
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let inside = processes(&inodes)?;
        for pid in &inside {
            // It may have ended since.
            kill(*pid, signal).ok();
        }
        let gone = || processes(&inodes).is_ok_and(|inside| inside.is_empty()).then_some(());
        if poll::until(Duration::from_secs(5), "the lab's processes end", gone).is_ok() {
            break;
        }
    }
    Ok(())
}

/// Processes whose network namespace is one of these.
fn processes(inodes: &BTreeSet<(u64, u64)>) -> Result<Vec<Pid>> {
    let own = process::id();
    Ok(names(Path::new("/proc"))?
        .into_iter()
        .filter_map(|name| name.parse::<u32>().ok())
        .filter(|pid| *pid != own)
        .filter(|pid| {
            fs::metadata(format!("/proc/{pid}/ns/net"))
                .is_ok_and(|data| inodes.contains(&(data.dev(), data.ino())))
        })
        .filter_map(|pid| Some(Pid::from_raw(i32::try_from(pid).ok()?)))
        .collect())
}
