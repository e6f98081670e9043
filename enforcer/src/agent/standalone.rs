//! Enforcement without a cluster: manifests from a folder, endpoints from a file or from network namespaces.

use std::path::PathBuf;

use super::{
    RunError, Settings,
    notices::Look,
    rounds::{Rounds, TICK, Wake},
    run::{Run, still_watches},
};
use crate::source::manifest::{Folder, Watch};

/// The settings of a standalone run.
#[derive(Debug, Clone)]
pub struct Standalone {
    /// The folder of manifests.
    pub manifests: PathBuf,
    /// The node's side.
    pub settings: Settings,
}

/// The input of a run.
struct Input {
    folder: Folder,
    is_read: bool,
}

impl Standalone {
    /// Enforces until SIGINT or SIGTERM.
    ///
    /// # Errors
    /// When it cannot start, another enforcer runs here, or the event ring breaks.
    pub async fn run(self) -> Result<(), RunError> {
        let (mut rounds, dataplane, found) = Rounds::start(&self.settings)?;
        tracing::info!(manifests = %self.manifests.display(), "reading manifests");
        // Watch before reading: a change in between is then seen twice, never missed.
        let mut manifests = Watch::new(&self.manifests)?;
        let mut run = Run::new(&self.settings, dataplane, found)?;
        let mut input = Input { folder: Folder::new(&self.manifests), is_read: false };
        input.update(&mut run);
        let mut is_watching = true;
        loop {
            let wake = tokio::select! {
                change = manifests.changed(), if is_watching => {
                    is_watching = still_watches(change, "manifests", TICK);
                    Wake::Look
                }
                wake = rounds.next(&mut run) => wake?,
            };
            match wake {
                Wake::Look => input.update(&mut run),
                Wake::Stop => break,
            }
        }
        run.end();
        Ok(())
    }
}

impl Input {
    /// Reads everything again and applies what differs. What cannot be read keeps its last good version;
    /// what fails is tried again after a while.
    fn update(&mut self, run: &mut Run) {
        let reading = self.folder.read();
        self.is_read |= !reading.events.is_empty();
        for event in reading.events {
            run.cluster.apply(event);
        }
        let mut look = Look { problems: reading.problems, ..Look::default() };
        if !reading.is_listed {
            look.unread.insert(self.folder.path().to_owned());
        }
        let mut again = run.find_endpoints(&mut look);
        run.say(look);
        // A folder that was never read says nothing, not that there are no policies.
        again |= !self.is_read || !run.enforce();
        run.settle(again);
    }
}
