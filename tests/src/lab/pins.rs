//! Folders of pins for tests: each its own, which goes with the test or, when its process was killed, with the next one.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{LabId, cleanup, interrupt};

/// On the bpffs that `cargo xtask setup` mounts.
pub(super) const FOLDER: &str = "/sys/fs/bpf/enforcer-lab";

/// A folder of pins without a network around it.
#[derive(Debug)]
pub struct PinFolder(LabId);

impl PinFolder {
    /// A name for one; the enforcer makes the folder.
    pub fn new() -> Result<Self> {
        let mut tables = interrupt::hold();
        cleanup::remove_abandoned()?;
        let id = LabId::new()?;
        tables.register(&id);
        Ok(Self(id))
    }

    /// Where it is, once it is there.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        folder(&self.0)
    }
}

impl Drop for PinFolder {
    fn drop(&mut self) {
        let mut tables = interrupt::hold();
        if let Err(error) = cleanup::remove(&self.0) {
            eprintln!("pins of {} are not removed completely: {error:#}", self.0);
        }
        tables.forget(&self.0);
    }
}

/// The folder of a lab's pins. A bpffs takes no names with dots.
pub(super) fn folder(id: &LabId) -> PathBuf {
    Path::new(FOLDER).join(id.to_string().replace('.', "_"))
}

/// The lab whose folder has this name.
pub(super) fn owner(name: &str) -> Option<LabId> {
    name.replace('_', ".").parse().ok()
}
