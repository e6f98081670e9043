//! Which kernel.

use super::debian;
use anyhow::{Context as _, Result, bail, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kernel {
    /// Debian's, of a version.
    Debian(&'static debian::Version),
    /// A bzImage.
    Image(PathBuf),
}

/// A kernel that is there.
pub(super) struct Found {
    /// For people, and for names of files.
    pub(super) name: String,
    /// The bzImage.
    pub(super) image: PathBuf,
    /// The folder that holds its modules, at any depth; `None` when all must be built in.
    pub(super) modules: Option<PathBuf>,
}

/// A version or a path.
pub(super) fn parse(word: &str) -> Result<Kernel, String> {
    if let Some(version) = debian::VERSIONS.iter().find(|version| version.name == word) {
        return Ok(Kernel::Debian(version));
    }
    if Path::new(word).is_file() {
        return Ok(Kernel::Image(PathBuf::from(word)));
    }
    let versions = debian::VERSIONS.map(|version| version.name).join(", ");
    Err(format!("neither one of {versions} nor a file"))
}

impl Kernel {
    /// Finds or fetches it.
    pub(super) fn find(&self, folder: &Path, modules: Option<&Path>, update: bool) -> Result<Found> {
        match self {
            Self::Debian(version) => {
                ensure!(modules.is_none(), "--modules is for a bzImage: Debian's kernels bring theirs");
                let unpacked = debian::find(version, folder, update)?;
                Ok(Found { name: unpacked.release, image: unpacked.image, modules: Some(unpacked.modules) })
            }
            Self::Image(image) => {
                let text = fs::read(image).with_context(|| format!("cannot read {}", image.display()))?;
                let Some(name) = release(&text) else {
                    bail!(
                        "{} is no bzImage for x86 (arch/x86/boot/bzImage of a kernel's build)",
                        image.display()
                    );
                };
                let modules = modules.map(|folder| folder_of(folder, &name)).transpose()?;
                Ok(Found { name, image: image.clone(), modules })
            }
        }
    }
}

/// The modules of a release in a tree as `make modules_install INSTALL_MOD_PATH=…` makes it, or that very folder.
fn folder_of(folder: &Path, release: &str) -> Result<PathBuf> {
    let homes = ["lib/modules", "usr/lib/modules", ""].map(|home| folder.join(home).join(release));
    let own = folder.file_name().is_some_and(|name| name == release).then(|| folder.to_path_buf());
    let found = homes.into_iter().chain(own).find(|home| home.is_dir());
    found.with_context(|| format!("{} holds no lib/modules/{release}", folder.display()))
}

/// The release in the header of a bzImage (Documentation/arch/x86/boot.rst): at 0x20e the place, less 0x200, of a text that begins with it.
fn release(image: &[u8]) -> Option<String> {
    if image.get(0x202..0x206)? != b"HdrS" {
        return None;
    }
    let place: [u8; 2] = image.get(0x20e..0x210)?.try_into().ok()?;
    let text = image.get(usize::from(u16::from_le_bytes(place)) + 0x200..)?;
    let word = text.split(|byte| *byte == 0 || *byte == b' ').next()?;
    // It becomes part of names of files.
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.+~".contains(byte);
    (!word.is_empty() && word.len() < 200 && word.iter().all(plain))
        .then(|| String::from_utf8_lossy(word).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_read_from_the_header() {
        let mut image = vec![0; 0x400];
        image.splice(0x202..0x206, *b"HdrS");
        image.splice(0x20e..0x210, 0x100_u16.to_le_bytes());
        image.splice(0x300..0x300, *b"6.18.0-rc1+ (me@home) #1 SMP");
        assert_eq!(release(&image).as_deref(), Some("6.18.0-rc1+"));
        image.splice(0x300..0x301, *b"/");
        assert_eq!(release(&image), None);
        assert_eq!(release(b"\x7fELF"), None);
    }

    #[test]
    fn a_word_is_a_version_or_a_file() {
        assert!(matches!(parse("6.12"), Ok(Kernel::Debian(version)) if version.name == "6.12"));
        assert!(matches!(parse("/proc/version"), Ok(Kernel::Image(_))));
        assert!(parse("6.13").is_err());
    }
}
