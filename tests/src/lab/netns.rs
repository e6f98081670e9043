//! A network namespace with a name under `/run/netns`.

use std::{
    fs::File,
    panic,
    path::{Path, PathBuf},
    thread,
};

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, setns};

/// Where `ip netns` keeps the names.
pub(super) const FOLDER: &str = "/run/netns";

/// A named network namespace of a lab. Dropping the value does not delete the namespace; its lab does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Netns {
    name: String,
}

impl Netns {
    pub(super) fn new(name: String) -> Self {
        Self { name }
    }

    /// Its name, as `ip netns` takes it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that stands for it, as `nsenter --net=` takes it.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        Path::new(FOLDER).join(&self.name)
    }

    /// Runs `work` inside, on a thread of its own that ends with it: a thread that has entered a
    /// namespace must not be used for anything else. Sockets opened inside stay inside.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                let file = File::open(self.path())
                    .with_context(|| format!("network namespace {} is gone", self.name))?;
                setns(file, CloneFlags::CLONE_NEWNET)
                    .with_context(|| format!("cannot enter network namespace {}", self.name))?;
                work()
            });
            inside.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked))
        })
    }
}
