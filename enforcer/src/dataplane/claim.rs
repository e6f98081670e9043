//! One enforcer for each network namespace. On clsact a second one would take the first one's filters, and its end would leave the
//! interface open. Beside each other on different interfaces, both would give pods the same tokens in `tc_index`: a packet from a
//! pod of one would pass at a pod of the other as the pod's own.
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
const FILE: &str = "/run/enforcer/namespaces";

/// This process's claim to a network namespace; it ends with the process, or when it is dropped. The kernel counts by process:
/// a second one of the same process is granted, and ends with the first.
#[derive(Debug)]
pub struct Claim {
    _file: File,
}

impl Claim {
    /// Claims this thread's network namespace.
    ///
    /// # Errors
    /// [`DataplaneError::Owned`] when a living process has it; when the file cannot be opened.
    pub fn take() -> Result<Self, DataplaneError> {
        // For root only: whoever may read the file may lock it, and keep every enforcer out.
        let made = DirBuilder::new().recursive(true).mode(0o755).create(FOLDER);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = made.and_then(|()| options.open(FILE)).map_err(system(FILE))?;
        loop {
            let mut lock = own_byte()?;
            match fcntl(&file, FcntlArg::F_SETLK(&lock)) {
                Ok(_) => return Ok(Self { _file: file }),
                Err(Errno::EAGAIN | Errno::EACCES) => {
                    fcntl(&file, FcntlArg::F_GETLK(&mut lock)).map_err(system(FILE))?;
                    if i32::from(lock.l_type) == libc::F_UNLCK {
                        // It has ended in between.
                        continue;
                    }
                    // 0: it lives in another PID namespace.
                    return Err(DataplaneError::Owned { process: (lock.l_pid > 0).then_some(lock.l_pid) });
                }
                Err(error) => return Err(system(FILE)(error)),
            }
        }
    }
}

/// A lock on the byte of this thread's network namespace: these have inodes of 32 bits.
fn own_byte() -> Result<libc::flock, DataplaneError> {
    const OWN: &str = "/proc/thread-self/ns/net";
    let inode = fs::metadata(OWN).map_err(system(OWN))?.ino();
    let start = i64::try_from(inode).map_err(|_| system(OWN)(io::Error::other("its inode has 64 bits")))?;
    let short = |number: i32| i16::try_from(number).map_err(|_| system(FILE)(io::Error::from(Errno::EINVAL)));
    Ok(libc::flock {
        l_type: short(libc::F_WRLCK)?,
        l_whence: short(libc::SEEK_SET)?,
        l_start: start,
        l_len: 1,
        l_pid: 0,
    })
}

fn system<E: Into<io::Error>>(what: &str) -> impl FnOnce(E) -> DataplaneError {
    let what = what.to_owned();
    move |source| DataplaneError::System { what, source: source.into() }
}
