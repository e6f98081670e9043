//! Files that nobody ever reads half of.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

/// Writes a file in one step: a new one beside it, on the disk before it takes the name. `mode` is its permissions.
///
/// The new file's name begins with a dot and ends with `.tmp`: nobody who reads a folder of configurations takes it for one.
///
/// # Errors
/// When the folder is not there or does not let us; nothing has changed then.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let new = beside(path)?;
    let written = write_new(&new, content, mode).and_then(|()| fs::rename(&new, path));
    if let Err(error) = written {
        // It may not be there at all.
        let _removed = fs::remove_file(&new);
        return Err(error);
    }
    sync_folder(path)
}

/// Deletes a file; one that is gone is fine. Returns whether it was there.
///
/// # Errors
/// When the folder does not let us.
pub fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder(path).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn write_new(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    // The process' mask has no say.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

/// A name that no other writer takes, in the same folder.
pub(super) fn beside(path: &Path) -> io::Result<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let (process, count) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    Ok(path.with_file_name(format!(".{name}.{process}.{count}.tmp")))
}

/// A name is on the disk once its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
