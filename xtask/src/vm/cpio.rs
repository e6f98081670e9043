//! Archives as the kernel unpacks them at boot: cpio, format "newc" (Documentation/driver-api/early-userspace/buffer-format.rst).

use std::{
    collections::BTreeSet,
    io::{self, Write},
    path::Path,
};

/// Kinds of files, as in `st_mode`.
const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const DEVICE: u32 = 0o020_000;

/// An archive being written.
pub(super) struct Archive<W> {
    to: W,
    entries: u32,
    folders: BTreeSet<String>,
}

/// One entry's header, less what is the same in all.
struct Entry<'a> {
    name: &'a str,
    mode: u32,
    device: (u32, u32),
    content: &'a [u8],
}

impl<W: Write> Archive<W> {
    /// An empty one.
    pub(super) fn new(to: W) -> Self {
        Self { to, entries: 0, folders: BTreeSet::new() }
    }

    /// Adds a file, and the folders above it that are not there yet. The path is absolute.
    pub(super) fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        let name = relative(path);
        if let Some(parent) = Path::new(name).parent().and_then(Path::to_str) {
            self.folder(parent)?;
        }
        self.entry(&Entry { name, mode: FILE | mode, device: (0, 0), content })
    }

    /// Adds a folder, and those above it.
    pub(super) fn folder(&mut self, path: &str) -> io::Result<()> {
        let name = relative(path);
        if name.is_empty() || !self.folders.insert(name.to_owned()) {
            return Ok(());
        }
        if let Some(parent) = Path::new(name).parent().and_then(Path::to_str) {
            self.folder(parent)?;
        }
        self.entry(&Entry { name, mode: FOLDER | 0o755, device: (0, 0), content: &[] })
    }

    /// Adds a character device.
    pub(super) fn device(&mut self, path: &str, major: u32, minor: u32) -> io::Result<()> {
        self.entry(&Entry {
            name: relative(path),
            mode: DEVICE | 0o600,
            device: (major, minor),
            content: &[],
        })
    }

    /// Ends it.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.entry(&Entry { name: "TRAILER!!!", mode: 0, device: (0, 0), content: &[] })?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn entry(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        let length = |bytes: usize| {
            u32::try_from(bytes).map_err(|_| io::Error::other(format!("{} has 4 GiB or more", entry.name)))
        };
        self.entries += 1;
        // Magic, inode, mode, owner, group, links, time, size, device of the file (2), device that it is (2), name's
        // length with its NUL, checksum (unused).
        let (major, minor) = entry.device;
        write!(self.to, "070701{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}", self.entries, entry.mode, 0, 0, 1, 0)?;
        let (size, name) = (length(entry.content.len())?, length(entry.name.len() + 1)?);
        write!(self.to, "{size:08x}{:08x}{:08x}{major:08x}{minor:08x}{name:08x}{:08x}", 0, 0, 0)?;
        self.to.write_all(entry.name.as_bytes())?;
        self.to.write_all(&[0])?;
        self.pad(110 + entry.name.len() + 1)?;
        self.to.write_all(entry.content)?;
        self.pad(entry.content.len())
    }

    /// Headers and contents begin at multiples of four.
    fn pad(&mut self, written: usize) -> io::Result<()> {
        let padding = [0; 3];
        self.to.write_all(padding.get(..written.wrapping_neg() % 4).unwrap_or_default())
    }
}

fn relative(path: &str) -> &str {
    path.trim_start_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_laid_out_as_the_kernel_reads_it() -> io::Result<()> {
        let mut archive = Archive::new(Vec::new());
        archive.file("/a/bc", 0o755, b"hello")?;
        archive.device("/d", 5, 1)?;
        let bytes = archive.finish()?;
        let text = String::from_utf8_lossy(&bytes);
        let wanted = [
            // The folder first.
            "070701000000010000",
            "41ed0000000000000000000000010000000000000000000000000000000000000000000000000000000200000000a\0",
            "070701000000020000",
            "81ed0000000000000000000000010000000000000005000000000000000000000000000000000000000500000000a/bc\0",
            "\0hello\0\0\0",
            "070701000000030000",
            "21800000000000000000000000010000000000000000000000000000000000000005000000010000000200000000d\0",
            "070701000000040000",
            "00000000000000000000000000010000000000000000000000000000000000000000000000000000000b00000000TRAILER!!!\0\0\0\0",
        ];
        assert_eq!(text, wanted.concat());
        assert_eq!(bytes.len() % 4, 0);
        Ok(())
    }
}
