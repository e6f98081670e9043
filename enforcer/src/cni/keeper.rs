//! Keeps the plugin in the node's configuration: other add-ons write the same files, at any time.
//!
//! Each look compares everything, the program too: a configuration that names a program which somebody has
//! deleted would stop every pod's start. A change in the folder of configurations is seen at once, one of the program by the agent's
//! regular look.

use std::{path::PathBuf, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::{
    install::{InstallError, Installed, Places},
    settings::Settings,
};
use crate::source::manifest::Watch;

/// First wait before something that failed is tried again; it doubles up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Installs the plugin, and mends what others undo.
#[derive(Debug)]
pub struct Keeper {
    places: Places,
    program: PathBuf,
    settings: Settings,
    watch: Option<Watch>,
    retry: Option<(Instant, Duration)>,
}

impl Keeper {
    /// Watches the folder of configurations, whose parent must exist; where it cannot be watched, changes are found by the
    /// regular look. `program` is the plugin's file that is copied. To be called inside a tokio runtime.
    #[must_use]
    pub fn new(places: Places, program: PathBuf, settings: Settings) -> Self {
        let watch = Watch::new(&places.configurations);
        if let Err(error) = &watch {
            tracing::warn!("{error}; changes of network configurations are found by looking");
        }
        // The first look is now.
        let retry = Some((Instant::now(), RETRY_MIN));
        Self { places, program, settings, watch: watch.ok(), retry }
    }

    /// Waits until there is something to do, does it, and says what became of it: at once for the first time, then after
    /// each change in the folder, and a while after an error. Nothing is lost when the call is cancelled.
    ///
    /// # Errors
    /// When the plugin is not installed now; pods start without it.
    pub async fn next(&mut self) -> Result<Installed, InstallError> {
        let retry_at = self.retry.map(|(at, _)| at);
        let mut watch_ended = false;
        tokio::select! {
            change = changed(self.watch.as_mut()) => watch_ended = change.is_none(),
            () = wait_until(retry_at) => {}
        }
        if watch_ended {
            tracing::error!("the watch on {} broke", self.places.configurations.display());
            self.watch = None;
        }
        self.look()
    }

    /// Looks now: for the agent's regular look at everything.
    ///
    /// # Errors
    /// As [`Keeper::next`].
    pub fn look(&mut self) -> Result<Installed, InstallError> {
        let done = self.places.install_now(&self.program, &self.settings);
        self.retry = match &done {
            Ok(_) => None,
            Err(_) => {
                let wait = self.retry.map_or(RETRY_MIN, |(_, wait)| (wait * 2).min(RETRY_MAX));
                Some((Instant::now() + wait, wait))
            }
        };
        done
    }
}

async fn changed(watch: Option<&mut Watch>) -> Option<()> {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}

async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
