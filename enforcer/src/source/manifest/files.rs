//! The files of a manifest folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;
use walkdir::{DirEntry, WalkDir};

const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// A file, or the folder that could not be listed.
#[derive(Debug)]
pub(super) struct ManifestFile {
    pub(super) path: PathBuf,
    pub(super) text: Result<String, FileError>,
}

/// Why there is no text.
#[derive(Debug, Error)]
pub(crate) enum FileError {
    /// The folder itself, so that not even the names of its files are known.
    #[error("cannot read the manifest folder: {0}")]
    Root(io::Error),
    /// A subfolder, a dangling link, a loop of links.
    #[error("cannot be listed: {0}")]
    List(io::Error),
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    /// To open a FIFO would wait for ever.
    #[error("is not a regular file")]
    NotRegular,
    #[error("is not UTF-8 text from byte {0} on")]
    NotUtf8(usize),
}

/// Reads all manifests below a folder, in the order of their paths.
pub(super) fn read_files(root: &Path) -> Vec<ManifestFile> {
    WalkDir::new(root)
        .follow_links(true)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry))
        .filter_map(|entry| match entry {
            Ok(entry) => read_entry(&entry),
            Err(error) => Some(report(root, error)),
        })
        .collect()
}

/// A ConfigMap's mount holds each file twice: in `..<date>`, and behind a link to it. Editors leave
/// hidden files, too.
fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

fn read_entry(entry: &DirEntry) -> Option<ManifestFile> {
    if entry.file_type().is_dir() {
        return None;
    }
    let path = entry.path();
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if !EXTENSIONS.contains(&extension) && entry.depth() > 0 {
        return None;
    }
    let text = if entry.file_type().is_file() { read_text(path) } else { Err(FileError::NotRegular) };
    Some(ManifestFile { path: path.to_owned(), text })
}

/// The text of a file, without a byte order mark.
pub(crate) fn read_text(path: &Path) -> Result<String, FileError> {
    let text = String::from_utf8(fs::read(path)?)
        .map_err(|error| FileError::NotUtf8(error.utf8_error().valid_up_to()))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

fn report(root: &Path, error: walkdir::Error) -> ManifestFile {
    let path = error.path().unwrap_or(root).to_owned();
    let is_root = error.depth() == 0;
    // Without the path, which is named already. A loop of links has no error of the system.
    let loops = error.loop_ancestor().is_some();
    let error = match error.into_io_error() {
        Some(error) => error,
        None if loops => io::Error::other("the link leads back to a folder around it"),
        None => io::Error::other("unknown error"),
    };
    ManifestFile { path, text: Err(if is_root { FileError::Root(error) } else { FileError::List(error) }) }
}
