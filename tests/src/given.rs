//! Paths on a command line, looked for while it is parsed: what is not there is told before anything is set up or built.
//! `cargo xtask` includes this file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A file or folder that is there.
///
/// # Errors
/// What the system says when it is not.
pub fn path(text: &str) -> io::Result<PathBuf> {
    fs::metadata(text).map(|_there| PathBuf::from(text))
}

/// A file that is there.
///
/// # Errors
/// What the system says when it is not, and that it is a folder.
pub fn file(text: &str) -> io::Result<PathBuf> {
    path(text)
        .and_then(|path| if Path::is_dir(&path) { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(path) })
}
