//! Puts the plugin into the node's network configuration, keeps it there, takes it out.
//!
//! Runtimes take the first file of the folder, by name, that ends with `.conflist`, `.conf` or `.json` (containerd reads no
//! other, CRI-O none that is bad). Our entry goes into that one. A list is changed in place, in one step. A file of a
//! single plugin stays as it is: beside it comes a list with a name that sorts just before it (`10-ptp.conf`,
//! `10-ptp-enforcer.conflist`), so that there is no instant without a configuration, and nothing to put back afterwards.
//!
//! Installers of one folder take turns by a lock on the folder itself, which leaves nothing behind.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::{
    conflist::{ConflistError, with_entry, without_entry, wrap, wrapped},
    file,
    settings::{PLUGIN, Settings},
};

/// Where runtimes look for configurations, unless they are told otherwise.
pub const CONFIGURATIONS: &str = "/etc/cni/net.d";
/// Where runtimes look for plugins, unless they are told otherwise.
pub const PROGRAMS: &str = "/opt/cni/bin";

const EXTENSIONS: [&str; 3] = ["conflist", "conf", "json"];
/// How the name of a list ends that was made around a single plugin's file.
const MADE: &str = "-enforcer.conflist";
const SHARED: u32 = 0o644;

/// Where the plugin is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The folder of network configurations.
    pub configurations: PathBuf,
    /// The folder of plugins.
    pub programs: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self { configurations: CONFIGURATIONS.into(), programs: PROGRAMS.into() }
    }
}

/// What is so after an installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The configuration that runtimes take, with our entry in it.
    pub configuration: PathBuf,
    /// Whether it had to be written.
    pub is_changed: bool,
}

/// Whether to wait for another installer.
#[derive(Clone, Copy)]
enum Turn {
    Wait,
    Now,
}

/// Why the plugin is not where it should be.
#[derive(Debug, Error)]
pub enum InstallError {
    /// The main plugin's add-on has not come yet.
    #[error("{}: there is no network configuration yet: the node's main CNI plugin brings it", .0.display())]
    None(PathBuf),
    /// The file that runtimes take is not one that they could use with us.
    #[error("{}: {reason}", path.display())]
    Configuration {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: ConflistError,
    },
    /// A file or folder.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl Places {
    /// Copies the plugin's program, then puts it into the configuration. Nothing is written that is there already.
    ///
    /// # Errors
    /// When there is no configuration, or it is not to be changed.
    pub fn install(&self, program: &Path, settings: &Settings) -> Result<Installed, InstallError> {
        let _lock = self.lock(Turn::Wait)?;
        self.copy(program)?;
        self.mend(settings)
    }

    /// The same, for one who must not be kept waiting by another installer.
    pub(super) fn install_now(&self, program: &Path, settings: &Settings) -> Result<Installed, InstallError> {
        let _lock = self.lock(Turn::Now)?;
        self.copy(program)?;
        self.mend(settings)
    }

    /// Takes the entry out of every configuration, and, unless it is to be kept, the program away. Returns the files that were
    /// changed.
    ///
    /// A runtime that takes old pods down by the configuration with which they came (CRI-O) needs the program until the last of them has gone.
    ///
    /// # Errors
    /// When a file cannot be changed; the others have been.
    pub fn uninstall(&self, keep_program: bool) -> Result<Vec<PathBuf>, InstallError> {
        let _lock = match self.lock(Turn::Wait) {
            // Without the folder there is no configuration to leave.
            Err(InstallError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
            lock => Some(lock?),
        };
        let mut changed = Vec::new();
        let mut failed = None;
        for path in self.list()? {
            match take_out(&path) {
                Ok(true) => changed.push(path),
                Ok(false) => {}
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        if !keep_program {
            let path = self.program();
            if file::remove(&path).map_err(io_error(&path))? {
                changed.push(path);
            }
        }
        Ok(changed)
    }

    /// Where the program is put.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        self.programs.join(PLUGIN)
    }

    fn lock(&self, turn: Turn) -> Result<File, InstallError> {
        let error = io_error(&self.configurations);
        let folder = File::open(&self.configurations).map_err(&error)?;
        match turn {
            Turn::Wait => folder.lock(),
            Turn::Now => folder.try_lock().map_err(io::Error::from),
        }
        .map_err(error)?;
        Ok(folder)
    }

    fn copy(&self, program: &Path) -> Result<(), InstallError> {
        let path = self.program();
        let content = fs::read(program).map_err(io_error(program))?;
        let is_executable = fs::metadata(&path).is_ok_and(|found| found.mode() & 0o777 == 0o755);
        if is_executable && fs::read(&path).is_ok_and(|old| old == content) {
            return Ok(());
        }
        fs::create_dir_all(&self.programs).map_err(io_error(&self.programs))?;
        // Pods may be starting with the old one: it goes on under no name.
        file::replace(&path, &content, 0o755).map_err(io_error(&path))
    }

    /// Puts the entry into the configuration, if it is not there, or is not these settings'.
    fn mend(&self, settings: &Settings) -> Result<Installed, InstallError> {
        let all = self.list()?;
        let (made, others): (Vec<PathBuf>, Vec<PathBuf>) =
            all.into_iter().partition(|path| made_around(path).is_some());
        let first = others.into_iter().next();
        let single = first.as_deref().filter(|path| !has_extension(path, "conflist"));
        let wanted = single.map(made_name);
        // A list around a file that is not taken, or is gone, would shadow what came instead.
        for path in made.iter().filter(|path| wanted.as_ref() != Some(path)) {
            file::remove(path).map_err(io_error(path))?;
        }
        let Some(first) = first else { return Err(InstallError::None(self.configurations.clone())) };
        let text = read(&first)?;
        let refused = |reason| InstallError::Configuration { path: first.clone(), reason };
        let Some(configuration) = wanted else {
            let with = with_entry(&text, settings).map_err(refused)?;
            if let Some(with) = &with {
                rewrite(&first, with)?;
            }
            return Ok(Installed { configuration: first, is_changed: with.is_some() });
        };
        let name = first.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let list = wrap(&text, &name, settings).map_err(refused)?;
        let is_changed = fs::read_to_string(&configuration).ok().as_ref() != Some(&list);
        if is_changed {
            file::replace(&configuration, list.as_bytes(), SHARED).map_err(io_error(&configuration))?;
        }
        Ok(Installed { configuration, is_changed })
    }

    /// The files that runtimes look at, in their order.
    fn list(&self) -> Result<Vec<PathBuf>, InstallError> {
        let error = io_error(&self.configurations);
        let entries = match fs::read_dir(&self.configurations) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(&error)?,
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(&error)?.path();
            if EXTENSIONS.iter().any(|extension| has_extension(&path, extension)) && !path.is_dir() {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }
}

/// Takes us out of one file; whether there was something.
fn take_out(path: &Path) -> Result<bool, InstallError> {
    if made_around(path).is_some() {
        return file::remove(path).map_err(io_error(path));
    }
    // What is no list has no entry.
    let Ok(Some(without)) = without_entry(&read(path)?) else { return Ok(false) };
    rewrite(path, &without).map(|()| true)
}

/// The name of the file around which a list was made by us, if it was.
fn made_around(path: &Path) -> Option<String> {
    path.file_name()?.to_str()?.strip_suffix(MADE)?;
    wrapped(&fs::read_to_string(path).ok()?)
}

/// `10-ptp.conf` → `10-ptp-enforcer.conflist`: `-` sorts before `.`, and what sorted between the two would have been
/// taken itself.
fn made_name(single: &Path) -> PathBuf {
    let stem = single.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    single.with_file_name(format!("{stem}{MADE}"))
}

fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension().is_some_and(|extension| extension == wanted)
}

fn read(path: &Path) -> Result<String, InstallError> {
    fs::read_to_string(path).map_err(io_error(path))
}

/// With the permissions that it had; a link's target instead of the link.
fn rewrite(path: &Path, text: &str) -> Result<(), InstallError> {
    let target = fs::canonicalize(path).map_err(io_error(path))?;
    let mode = fs::metadata(&target).map_err(io_error(path))?.mode() & 0o777;
    file::replace(&target, text.as_bytes(), mode).map_err(io_error(path))
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> InstallError {
    let path = path.to_owned();
    move |source| InstallError::Io { path: path.clone(), source }
}
