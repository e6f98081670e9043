//! The list of namespaces that have policies, for the plugin when no agent answers.
//!
//! It lies where a reboot empties it: an older list would let pods of a namespace start that got its first policy
//! while the node was down. No list means that nothing is known.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use super::file;

/// Writes the list, one namespace a line, for root only. Does nothing when it says the same already.
///
/// # Errors
/// When it cannot be written; the list is as before then.
pub fn write<'a>(path: &Path, namespaces: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
    let sorted: BTreeSet<&str> = namespaces.into_iter().collect();
    let mut text = Vec::new();
    for namespace in sorted {
        writeln!(text, "{namespace}")?;
    }
    if is_trusted(path) && fs::read(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    file::replace(path, &text, 0o600)
}

/// Reads the list; `None` when there is none, or somebody else than root could have written it.
#[must_use]
pub fn read(path: &Path) -> Option<BTreeSet<String>> {
    if !is_trusted(path) {
        return None;
    }
    let text = fs::read_to_string(path).ok()?;
    Some(text.lines().map(str::to_owned).collect())
}

fn is_trusted(path: &Path) -> bool {
    let own = nix::unistd::geteuid().as_raw();
    fs::symlink_metadata(path)
        .is_ok_and(|found| found.is_file() && found.uid() == own && found.mode() & 0o022 == 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_list_is_read_as_it_was_written() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("policed");
        assert_eq!(read(&path), None);
        write(&path, ["shop", "bank", "shop"])?;
        assert_eq!(read(&path), Some(["bank", "shop"].map(str::to_owned).into()));
        assert_eq!(fs::metadata(&path)?.mode() & 0o777, 0o600);
        let before = fs::metadata(&path)?.ino();
        write(&path, ["bank", "shop"])?;
        assert_eq!(fs::metadata(&path)?.ino(), before, "nothing to write");
        write(&path, [])?;
        assert_eq!(read(&path), Some(BTreeSet::new()));
        assert_eq!(fs::read_dir(dir.path())?.count(), 1);
        Ok(())
    }

    #[test]
    fn a_list_that_others_could_have_written_counts_as_none() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("policed");
        write(&path, ["shop"])?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o622))?;
        assert_eq!(read(&path), None);
        // The next writing mends it.
        write(&path, ["shop"])?;
        assert_eq!(read(&path), Some(["shop".to_owned()].into()));
        Ok(())
    }
}
