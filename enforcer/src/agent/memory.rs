//! What a restarted agent has to know beside the tables: the contents and names behind their numbers, and the policies in
//! force, for the case that a later version of one does not fit. It lies in a file beside the pins, for root only, and is
//! written before the writes to the tables that it is about.
//!
//! The file is named after the tables' number in the kernel and says at which boot it was written: so it is of these tables, or
//! of none. Where it cannot be written it is removed: nothing that it says is of the past.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    dataplane::Dataplane,
    model::{ObjectName, Policy},
    plan::{Kept, MapImage},
};

/// On a file system that a reboot empties, as it empties the tables.
const FOLDER: &str = "/run/enforcer";
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// The file of one set of tables.
#[derive(Debug)]
pub(super) struct Memory {
    file: PathBuf,
    boot: String,
    written: Vec<u8>,
}

/// What cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}; a restarted agent will judge open flows again, and name fewer of the rules", file.display())]
pub struct MemoryError {
    file: PathBuf,
    #[source]
    source: io::Error,
}

/// What the file holds.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Remembered {
    boot: String,
    /// In force when it was written, those that a local pod's rules come from.
    pub(super) policies: Vec<Policy>,
    pub(super) kept: Kept,
}

impl Remembered {
    /// Of tables that are not these.
    pub(super) fn of_policies(policies: Vec<Policy>) -> Self {
        Self { policies, ..Self::default() }
    }
}

/// The same, to write.
#[derive(Debug, Serialize)]
struct ToRemember<'a> {
    boot: &'a str,
    policies: Vec<&'a Policy>,
    kept: &'a Kept,
}

impl Memory {
    /// Of the tables with this number.
    pub(super) fn of(identity: u32) -> io::Result<Self> {
        let boot = fs::read_to_string(BOOT)?;
        Ok(Self { file: file(identity), boot: boot.trim().to_owned(), written: Vec::new() })
    }

    /// Where it lies.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// What was written, where it can be read and is of these tables.
    ///
    /// # Errors
    /// When there is something else.
    pub(super) fn read(&self) -> Result<Option<Remembered>, MemoryError> {
        let fault = |source| MemoryError { file: self.file.clone(), source };
        match fs::read(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fault(error)),
            Ok(bytes) => {
                let remembered: Remembered =
                    serde_json::from_slice(&bytes).map_err(|error| fault(io::Error::other(error)))?;
                Ok((remembered.boot == self.boot).then_some(remembered))
            }
        }
    }

    /// Writes what has to be known whichever of the writes between two images are made.
    ///
    /// # Errors
    /// When it cannot be written; then the file is not there any more.
    pub(super) fn note(
        &mut self,
        previous: &MapImage,
        next: &MapImage,
        policies: &BTreeMap<ObjectName, Policy>,
    ) -> Result<(), MemoryError> {
        let kept = Kept::of(previous, next);
        let names: BTreeSet<&ObjectName> =
            previous.policies().into_iter().chain(next.policies()).map(|side| &side.policy).collect();
        let policies = names.into_iter().filter_map(|name| policies.get(name)).collect();
        let content = ToRemember { boot: &self.boot, policies, kept: &kept };
        let written = serde_json::to_vec(&content).map_err(io::Error::other).and_then(|bytes| {
            if bytes != self.written {
                replace(&self.file, &bytes)?;
                self.written = bytes;
            }
            Ok(())
        });
        written.map_err(|source| {
            self.forget();
            MemoryError { file: self.file.clone(), source }
        })
    }

    /// Removes the file.
    pub(super) fn forget(&mut self) {
        self.written.clear();
        drop(fs::remove_file(&self.file));
    }
}

/// The file of the tables that are pinned in a folder.
#[must_use]
pub fn memory_of(pins: &Path) -> Option<PathBuf> {
    Dataplane::tables_of(pins).map(file)
}

/// Removes the files of tables that are gone.
pub(super) fn sweep() {
    let Ok(entries) = fs::read_dir(FOLDER) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let number =
            name.to_str().and_then(|name| name.strip_prefix("image-")?.split('.').next()?.parse().ok());
        if number.is_some_and(|number| !Dataplane::has_map(number)) {
            drop(fs::remove_file(entry.path()));
        }
    }
}

fn file(identity: u32) -> PathBuf {
    Path::new(FOLDER).join(format!("image-{identity}.json"))
}

/// Writes a file in one step. Nothing is flushed to a disk: what outlives the process is enough, for neither do the tables
/// outlive the kernel.
fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(FOLDER)?;
    let beside = file.with_extension("next");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = options.open(&beside)?.write_all(bytes).and_then(|()| fs::rename(&beside, file));
    written.inspect_err(|_| drop(fs::remove_file(&beside)))
}
