//! Debian's kernels for virtual machines.

use super::apt::{Archive, kernel_packages};
use anyhow::{Context as _, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A version of Linux, and the suites of Debian that may have it, best first: what moves through testing and
/// unstable is not there for ever.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Version {
    /// As in the kernel's release, without the last number.
    pub(super) name: &'static str,
    suites: &'static [&'static str],
}

/// What the programs are to run on.
pub(super) const VERSIONS: [Version; 4] = [
    Version { name: "5.10", suites: &["bullseye"] },
    Version { name: "6.1", suites: &["bookworm"] },
    Version { name: "6.12", suites: &["trixie", "bookworm-backports"] },
    Version { name: "7.2", suites: &["forky", "sid"] },
];

/// An unpacked kernel.
pub(super) struct Unpacked {
    /// As `uname -r` prints it.
    pub(super) release: String,
    /// The bzImage.
    pub(super) image: PathBuf,
    /// Where its modules are.
    pub(super) modules: PathBuf,
}

/// The kernel of a version: from `folder`, where an earlier run left it, else from Debian's mirror.
pub(super) fn find(version: &Version, folder: &Path, update: bool) -> Result<Unpacked> {
    let folder = folder.join(version.name);
    if !update && let Some(unpacked) = unpacked(&folder)? {
        return Ok(unpacked);
    }
    fetch(version, &folder).with_context(|| {
        format!(
            "Debian's kernel {} cannot be fetched; `--kernel PATH` takes any bzImage, with `--modules DIR` for its modules, \
             from another distribution's package or built from source (docs/vm.md)",
            version.name
        )
    })?;
    unpacked(&folder)?.context("the packages hold no kernel")
}

/// What is unpacked in a folder: modules in one of two places, the image beside them or in `boot`.
fn unpacked(folder: &Path) -> Result<Option<Unpacked>> {
    let root = folder.join("root");
    let homes = ["usr/lib/modules", "lib/modules"].map(|home| root.join(home));
    for entry in homes.iter().filter_map(|home| fs::read_dir(home).ok()).flatten() {
        let modules = entry?.path();
        let Some(release) = modules.file_name().and_then(|name| name.to_str()).map(str::to_owned) else {
            continue;
        };
        let images = [modules.join("vmlinuz"), root.join("boot").join(format!("vmlinuz-{release}"))];
        if let Some(image) = images.into_iter().find(|image| image.is_file()) {
            return Ok(Some(Unpacked { release, image, modules }));
        }
    }
    Ok(None)
}

fn fetch(version: &Version, folder: &Path) -> Result<()> {
    let mut others = Vec::new();
    for suite in version.suites {
        println!("Linux {} from Debian's suite {suite}", version.name);
        let archive = Archive::open(&folder.join(suite), suite)?;
        let (release, packages) = kernel_packages(|package| archive.depends(package))?;
        if !is_of(&release, version.name) {
            others.push(format!("{suite} has {release}"));
            continue;
        }
        println!("  {}", packages.join(", "));
        // Complete or not there at all.
        let part = folder.join("root.part");
        if part.exists() {
            fs::remove_dir_all(&part)?;
        }
        fs::create_dir_all(&part)?;
        archive.unpack(&packages, &part)?;
        let root = folder.join("root");
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        return fs::rename(&part, &root).with_context(|| format!("cannot make {}", root.display()));
    }
    bail!("no suite has it any more: {}", others.join(", "))
}

fn is_of(release: &str, version: &str) -> bool {
    release.strip_prefix(version).is_some_and(|rest| rest.starts_with(['.', '-', '+']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_of_its_version_only() {
        assert!(is_of("6.1.0-50-cloud-amd64", "6.1"));
        assert!(is_of("7.2.12+deb14-cloud-amd64", "7.2"));
        assert!(!is_of("6.12.107+deb13-cloud-amd64", "6.1"));
        assert!(!is_of("7.3~rc1", "7.2"));
    }
}
