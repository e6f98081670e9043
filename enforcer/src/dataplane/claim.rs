//! One enforcer for each interface and each network namespace. On clsact a second one would take the first one's
//! filters, and its end would leave the interface open. Beside each other on different interfaces, both would give pods
//! the same tokens in `tc_index`: a packet from a pod of one would pass at a pod of the other as the pod's own.
//!
//! A claim is a record lock (fcntl(2)) on one byte of a file that all enforcers of a machine share: the kernel gives it up
//! with the process, however that ends, tells who has it, and nothing is left to clean up.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, fcntl},
    libc,
};

use super::DataplaneError;

/// On a file system that a reboot empties, as it empties the claims.
const FOLDER: &str = "/run/enforcer";
const FILE: &str = "/run/enforcer/interfaces";
/// Stands for the namespace as a whole: no interface has this index.
const NAMESPACE: u32 = 0;

/// The claims of this process; dropping them gives them up.
#[derive(Debug)]
pub(super) struct Claims {
    file: File,
}

impl Claims {
    /// Claims nothing yet.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(super) fn open() -> Result<Self, DataplaneError> {
        // For root only: whoever may read the file may lock it, and keep every enforcer out.
        let made = DirBuilder::new().recursive(true).mode(0o755).create(FOLDER);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = made.and_then(|()| options.open(FILE)).map_err(system(FILE))?;
        Ok(Self { file })
    }

    /// Claims this thread's network namespace.
    ///
    /// # Errors
    /// [`DataplaneError::Owned`] when a living process has it.
    pub(super) fn take_namespace(&self) -> Result<(), DataplaneError> {
        self.take("this network namespace".to_owned(), NAMESPACE)
    }

    /// Claims an interface in it, by its index. To claim it twice is to claim it once.
    ///
    /// # Errors
    /// [`DataplaneError::Owned`] when a living process has it.
    pub(super) fn take_interface(&self, interface: &str, index: u32) -> Result<(), DataplaneError> {
        self.take(format!("interface {interface}"), index)
    }

    fn take(&self, what: String, index: u32) -> Result<(), DataplaneError> {
        let mut lock = record(place(index)?, libc::F_WRLCK)?;
        match fcntl(&self.file, FcntlArg::F_SETLK(&lock)) {
            Ok(_) => Ok(()),
            Err(Errno::EAGAIN | Errno::EACCES) => {
                fcntl(&self.file, FcntlArg::F_GETLK(&mut lock)).map_err(system(FILE))?;
                // 0: it lives in another PID namespace; and it may have ended since.
                let process = (lock.l_pid > 0).then_some(lock.l_pid);
                Err(DataplaneError::Owned { what, process })
            }
            Err(error) => Err(system(FILE)(error)),
        }
    }

    /// Gives an interface up.
    pub(super) fn release(&self, index: u32) {
        let lock = place(index).and_then(|place| record(place, libc::F_UNLCK));
        if let Err(error) =
            lock.and_then(|lock| fcntl(&self.file, FcntlArg::F_SETLK(&lock)).map_err(system(FILE)))
        {
            tracing::warn!("{error}");
        }
    }
}

/// The byte of an interface, or of the namespace: indices are unique in a network namespace, namespaces by their inode of 32 bits.
fn place(index: u32) -> Result<i64, DataplaneError> {
    const OWN: &str = "/proc/thread-self/ns/net";
    let inode = fs::metadata(OWN).map_err(system(OWN))?.ino();
    let narrow = |_| system(OWN)(io::Error::other("its inode has more than 32 bits"));
    // An index is a positive `int`, so the sum is a positive `off_t`.
    Ok((i64::from(u32::try_from(inode).map_err(narrow)?) << 31) | i64::from(index & (u32::MAX >> 1)))
}

fn record(place: i64, kind: i32) -> Result<libc::flock, DataplaneError> {
    let short = |number: i32| i16::try_from(number).map_err(|_| system(FILE)(io::Error::from(Errno::EINVAL)));
    Ok(libc::flock {
        l_type: short(kind)?,
        l_whence: short(libc::SEEK_SET)?,
        l_start: place,
        l_len: 1,
        l_pid: 0,
    })
}

fn system<E: Into<io::Error>>(what: &str) -> impl FnOnce(E) -> DataplaneError {
    let what = what.to_owned();
    move |source| DataplaneError::System { what, source: source.into() }
}
