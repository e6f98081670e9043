//! Tells that something below a path changed, by inotify.

use std::{
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};
use thiserror::Error;
use tokio::sync::mpsc;

/// A change is told when nothing more came for this long: an editor or `git checkout` writes many files.
const QUIET: Duration = Duration::from_millis(50);
/// But it is told at the latest this long after its first sign.
const PATIENCE: Duration = Duration::from_millis(500);

/// Why a path cannot be watched.
#[derive(Debug, Error)]
pub enum WatchError {
    /// Its parent folder is missing, or inotify has no watches left.
    #[error("cannot watch {}: {source}", path.display())]
    Inotify {
        /// What should be watched.
        path: PathBuf,
        /// What inotify says.
        source: notify::Error,
    },
    /// No absolute path for it, or no thread.
    #[error("cannot watch {}: {source}", path.display())]
    Io {
        /// What should be watched.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A watch on a folder and all below it, or on a file. It ends when dropped.
#[derive(Debug)]
pub struct Watch {
    changes: mpsc::Receiver<()>,
    // Dropping it closes the thread's channel, which ends the thread.
    _stop: Stop,
}

type Sign = Result<Event, notify::Error>;

#[derive(Debug)]
struct Stop(Sender<Option<Sign>>);

impl Drop for Stop {
    fn drop(&mut self) {
        // An error means that the thread has ended already.
        let _ended = self.0.send(None);
    }
}

impl Watch {
    /// Watches a path, which may not exist yet, or be replaced by a rename or by a link's swap; its parent folder must exist.
    /// Links inside that lead to files elsewhere are not followed.
    ///
    /// # Errors
    /// When the path or its parent cannot be watched.
    pub fn new(path: &Path) -> Result<Self, WatchError> {
        let io_error = |source| WatchError::Io { path: path.to_owned(), source };
        let target = std::path::absolute(path).map_err(io_error)?;
        let (sender, signs) = channel();
        let stop = Stop(sender.clone());
        let inotify_error = |source| WatchError::Inotify { path: path.to_owned(), source };
        let watcher = notify::recommended_watcher(move |sign| {
            // An error means that nobody listens any more.
            let _ended = sender.send(Some(sign));
        })
        .map_err(inotify_error)?;
        let mut guard = Guard { watcher, target };
        guard.arm().map_err(inotify_error)?;
        let (teller, changes) = mpsc::channel(1);
        thread::Builder::new()
            .name("manifest-watch".to_owned())
            .spawn(move || guard.run(&signs, &teller))
            .map_err(io_error)?;
        Ok(Self { changes, _stop: stop })
    }

    /// Waits for a change; several that came since the last call count as one. `None` when the watch broke.
    pub async fn changed(&mut self) -> Option<()> {
        self.changes.recv().await
    }
}

/// The thread's side: the watcher, and what it watches.
struct Guard {
    watcher: RecommendedWatcher,
    target: PathBuf,
}

impl Guard {
    /// The parent tells when the target itself comes, goes or is swapped, which loses a folder's own watch.
    fn arm(&mut self) -> Result<(), notify::Error> {
        if let Some(parent) = self.target.parent() {
            self.watcher.watch(parent, RecursiveMode::NonRecursive)?;
        }
        self.arm_target()
    }

    fn arm_target(&mut self) -> Result<(), notify::Error> {
        // It fails when there was none.
        let _unwatched = self.watcher.unwatch(&self.target);
        if self.target.is_dir() {
            self.watcher.watch(&self.target, RecursiveMode::Recursive)?;
        }
        Ok(())
    }

    fn run(mut self, signs: &Receiver<Option<Sign>>, teller: &mpsc::Sender<()>) {
        while let Ok(Some(sign)) = signs.recv() {
            if !self.concerns(sign) {
                continue;
            }
            let deadline = Instant::now() + PATIENCE;
            let mut quiet_at = Instant::now() + QUIET;
            loop {
                let until = quiet_at.min(deadline);
                match signs.recv_timeout(until.saturating_duration_since(Instant::now())) {
                    Ok(Some(sign)) => {
                        if self.concerns(sign) {
                            quiet_at = Instant::now() + QUIET;
                        }
                    }
                    Err(RecvTimeoutError::Timeout) => break,
                    Ok(None) | Err(RecvTimeoutError::Disconnected) => return,
                }
                if Instant::now() >= deadline {
                    break;
                }
            }
            // Full means that a change is waiting to be fetched already.
            if let Err(mpsc::error::TrySendError::Closed(())) = teller.try_send(()) {
                return;
            }
        }
    }

    /// Whether a sign is of the target; re-arms when the target itself was replaced.
    fn concerns(&mut self, sign: Sign) -> bool {
        let event = match sign {
            Ok(event) => event,
            // Signs may be lost (a queue overflow): look again.
            Err(error) => {
                tracing::warn!(%error, target = %self.target.display(), "watching");
                return true;
            }
        };
        if event.need_rescan() {
            return true;
        }
        if !is_change(event.kind) || !event.paths.iter().any(|path| path.starts_with(&self.target)) {
            return false;
        }
        let replaced =
            matches!(event.kind, EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(_))
                && event.paths.contains(&self.target);
        if replaced && let Err(error) = self.arm_target() {
            tracing::warn!(%error, target = %self.target.display(), "watching");
        }
        true
    }
}

/// Our own reading opens and closes files: if that counted, each reading would cause the next.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}
