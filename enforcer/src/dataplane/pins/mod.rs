//! The folder of pins, by which programs, maps and links outlive the agent (DESIGN section 5).
//!
//! ```text
//! tables-N/ENDPOINTS …     the maps that hold rules, by the version of their layout
//! flows-N/CONFIRMED4 …     the maps that hold flows; their layout has a version of its own
//! links/IFINDEX-PROGRAM    TCX links: which program they run can be changed, so they have no version
//! ```
//!
//! What is there under the right version is checked all the same, since to open a pin checks nothing. A folder that is not as it
//! should be is set aside under another name, and counts as another layout's from then on: new maps are filled beside it, the
//! links go over to programs that use these, and only then the old folder goes.

mod layout;
mod shape;

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use nix::{
    fcntl::{Flock, FlockArg},
    sys::statfs::{BPF_FS_MAGIC, statfs},
};

pub(super) use layout::Group;
pub(super) use shape::{Shapes, State};

use super::DataplaneError;

/// A folder of pins, for this process alone.
#[derive(Debug)]
pub struct Pins {
    folder: PathBuf,
    _lock: Flock<File>,
}

impl Pins {
    /// Opens the folder, and makes it where it is not there.
    ///
    /// # Errors
    /// When it is not on a bpffs, or another enforcer uses it.
    pub fn open(folder: &Path) -> Result<Self, DataplaneError> {
        let there = folder.ancestors().find(|ancestor| ancestor.is_dir()).unwrap_or(folder);
        let file_system = statfs(there).map_err(system(there))?.filesystem_type();
        if file_system != BPF_FS_MAGIC {
            return Err(DataplaneError::NoBpffs { folder: folder.to_owned() });
        }
        make(folder)?;
        let file = File::open(folder).map_err(system(folder))?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|_| DataplaneError::PinsInUse { folder: folder.to_owned() })?;
        let pins = Self { folder: folder.to_owned(), _lock: lock };
        make(&pins.links())?;
        Ok(pins)
    }

    /// Where this version's maps of a group are pinned.
    pub(super) fn group(&self, group: Group) -> PathBuf {
        self.folder.join(group.folder())
    }

    /// Where links are pinned.
    pub(super) fn links(&self) -> PathBuf {
        self.folder.join("links")
    }

    /// Where the link of a program at an interface is pinned.
    pub(super) fn link(&self, interface: u32, program: &str) -> PathBuf {
        self.links().join(format!("{interface}-{program}"))
    }

    /// The interfaces of which links are pinned.
    pub(super) fn linked(&self) -> Result<Vec<u32>, DataplaneError> {
        let index = |name: &str| name.split_once('-')?.0.parse().ok();
        let mut linked: Vec<u32> = names(&self.links())?.iter().filter_map(|name| index(name)).collect();
        linked.sort_unstable();
        linked.dedup();
        Ok(linked)
    }

    /// Makes the folder of a group.
    pub(super) fn make(&self, group: Group) -> Result<(), DataplaneError> {
        make(&self.group(group))
    }

    /// Takes a group's folder out of the way: from now on it counts as another layout's.
    pub(super) fn set_aside(&self, group: Group) -> Result<(), DataplaneError> {
        let from = self.group(group);
        let taken = names(&self.folder)?;
        let name = (1_u32..).map(|number| format!("{}-aside-{number}", group.folder()));
        let Some(name) = name.into_iter().find(|name| !taken.contains(name)) else { return Ok(()) };
        fs::rename(&from, self.folder.join(name)).map_err(system(&from))
    }

    /// The folders of other layouts.
    pub(super) fn others(&self) -> Result<Vec<PathBuf>, DataplaneError> {
        let own = Group::ALL.map(Group::folder);
        let is_other = |name: &&String| {
            Group::ALL.iter().any(|group| name.starts_with(group.prefix())) && !own.contains(name)
        };
        Ok(names(&self.folder)?.iter().filter(is_other).map(|name| self.folder.join(name)).collect())
    }

    /// Removes the folders of other layouts.
    pub(super) fn remove_others(&self) -> Result<(), DataplaneError> {
        self.others()?.iter().try_for_each(|folder| fs::remove_dir_all(folder).map_err(system(folder)))
    }

    /// Removes everything, the folder too where nothing else is in it.
    pub(super) fn remove_all(&self) -> Result<(), DataplaneError> {
        self.remove_others()?;
        let own = Group::ALL.map(|group| self.group(group));
        for folder in own.into_iter().chain([self.links()]).filter(|folder| folder.exists()) {
            fs::remove_dir_all(&folder).map_err(system(&folder))?;
        }
        match fs::remove_dir(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => {
                Err(system(&self.folder)(error))
            }
            _ => Ok(()),
        }
    }
}

fn make(folder: &Path) -> Result<(), DataplaneError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| {
        // The kernel reserves dots, and says no more than that it is not permitted.
        let has_dot = folder.to_string_lossy().contains('.');
        let is_reserved = has_dot && error.kind() == io::ErrorKind::PermissionDenied;
        let error = if is_reserved { io::Error::other("a bpffs takes no names with dots") } else { error };
        system(folder)(error)
    })
}

fn names(folder: &Path) -> Result<Vec<String>, DataplaneError> {
    let entries = fs::read_dir(folder).map_err(system(folder))?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    names.collect::<io::Result<_>>().map_err(system(folder))
}

pub(super) fn system<E: Into<io::Error>>(path: &Path) -> impl FnOnce(E) -> DataplaneError {
    let what = path.display().to_string();
    move |source| DataplaneError::System { what, source: source.into() }
}
