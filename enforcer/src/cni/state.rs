//! What the plugin told, a file for each attachment, for an agent that restarts.
//!
//! It lies where a reboot empties it, like the interfaces that it tells of, and is for root only. It is one witness:
//! whether an interface is still the one that was told of is the reader's to find out.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use super::{
    file,
    protocol::{Attachment, AttachmentId},
};

/// The usual folder.
pub const FOLDER: &str = "/run/enforcer/attachments";

/// A folder of attachments.
#[derive(Debug, Clone)]
pub struct State {
    folder: PathBuf,
}

impl State {
    /// Opens it; makes it if it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// All that is kept, in the order in which it was told. Files that cannot be read are named in the log and left alone: what
    /// they tell is then found by looking.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn read(&self) -> io::Result<Vec<Attachment>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let read = fs::metadata(&path).and_then(|data| Ok((data.modified()?, fs::read(&path)?)));
            match read.and_then(|(told, text)| Ok((told, serde_json::from_slice::<Attachment>(&text)?))) {
                Ok(one) => found.push(one),
                Err(error) => tracing::warn!("{}: {error}", path.display()),
            }
        }
        found.sort_by(|(left, one), (right, other)| (left, &one.id).cmp(&(right, &other.id)));
        Ok(found.into_iter().map(|(_, attachment)| attachment).collect())
    }

    /// Keeps one, in place of what was told of it before.
    ///
    /// # Errors
    /// When it cannot be written; what was told before is kept then.
    pub fn keep(&self, attachment: &Attachment) -> io::Result<()> {
        file::replace(&self.path(&attachment.id), &serde_json::to_vec(attachment)?, 0o600)
    }

    /// Forgets one; also one that was never told of.
    ///
    /// # Errors
    /// When it cannot be deleted.
    pub fn forget(&self, id: &AttachmentId) -> io::Result<()> {
        file::remove(&self.path(id)).map(drop)
    }

    /// Runtimes' ids are hexadecimal and interfaces' names have no slash, but that is theirs to keep: a name here is
    /// made of what is harmless, and of a number that tells apart what that makes equal.
    fn path(&self, id: &AttachmentId) -> PathBuf {
        let AttachmentId { container, interface } = id;
        let harmless = |text: &str| -> String {
            let kept = text.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' });
            kept.take(80).collect()
        };
        let number = fnv(format!("{container}\0{interface}").as_bytes());
        self.folder.join(format!("{}-{}-{number:016x}.json", harmless(container), harmless(interface)))
    }
}

/// FNV-1a, 64 bits: the same in every release.
fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;
    use crate::cni::protocol::{HostSide, Netns, PodIdentity};

    fn attachment(container: &str, name: &str) -> Attachment {
        Attachment {
            id: AttachmentId { container: container.to_owned(), interface: "eth0".to_owned() },
            pod: PodIdentity { namespace: "shop".to_owned(), name: name.to_owned(), uid: None },
            netns: Netns { path: "/run/netns/a".into(), inode: 1 },
            host: HostSide::Interface { index: 7, name: "veth7".to_owned() },
            addresses: [[10, 0, 0, 1].into()].into(),
        }
    }

    #[test]
    fn what_was_told_is_read_again_until_it_is_forgotten() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let folder = dir.path().join("attachments");
        let state = State::open(&folder)?;
        assert_eq!(fs::metadata(&folder)?.mode() & 0o777, 0o700);
        let (one, other) = (attachment("c/1", "cart"), attachment("c_1", "mail"));
        state.keep(&one)?;
        state.keep(&other)?;
        let names = |state: &State| -> io::Result<Vec<String>> {
            let mut names: Vec<String> = state.read()?.into_iter().map(|told| told.pod.name).collect();
            names.sort();
            Ok(names)
        };
        assert_eq!(names(&state)?, ["cart", "mail"]);
        state.keep(&attachment("c/1", "cart-again"))?;
        // Half of a file is no file, and a foreign one is no reason to fail.
        fs::write(folder.join("half.json"), "{")?;
        fs::write(folder.join("note"), "{}")?;
        assert_eq!(names(&State::open(&folder)?)?, ["cart-again", "mail"]);
        state.forget(&one.id)?;
        state.forget(&one.id)?;
        assert_eq!(state.read()?, [other]);
        Ok(())
    }
}
