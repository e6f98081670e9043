//! Work inside another network namespace.

use std::{fs::File, io, thread};

use nix::sched::{CloneFlags, setns};
use thiserror::Error;

/// Why no work was done inside.
#[derive(Debug, Error)]
pub(crate) enum NetnsError {
    #[error("cannot open the network namespace: {0}")]
    Open(io::Error),
    #[error("cannot enter the network namespace: {0}")]
    Enter(nix::Error),
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    #[error("the thread that was in the network namespace has crashed")]
    Crashed,
}

/// Does some work inside. `setns` changes the calling thread only, so a thread of its own does it and ends.
pub(crate) fn within<T: Send + 'static>(
    namespace: File,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NetnsError> {
    let inside = move || {
        setns(&namespace, CloneFlags::CLONE_NEWNET).map_err(NetnsError::Enter)?;
        Ok(work())
    };
    let thread = thread::Builder::new().name("netns".to_owned()).spawn(inside).map_err(NetnsError::Thread)?;
    thread.join().map_err(|_crash| NetnsError::Crashed)?
}
