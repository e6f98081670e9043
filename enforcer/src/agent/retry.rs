//! When something that failed is tried again.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The first wait; it doubles up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);

/// The next attempt, if there is something to try.
#[derive(Debug, Default)]
pub(super) struct Retry(Option<(Instant, Duration)>);

impl Retry {
    /// Something failed: try again, later with each failure in a row.
    pub(super) fn delay(&mut self) {
        let wait = self.0.map_or(FIRST, |(_, wait)| (wait * 2).min(LONGEST));
        self.0 = Some((Instant::now() + wait, wait));
    }

    /// Something failed that was not this attempt: try again, no later than already meant.
    pub(super) fn schedule(&mut self) {
        if self.0.is_none() {
            self.delay();
        }
    }

    /// Nothing is left to try.
    pub(super) fn clear(&mut self) {
        self.0 = None;
    }

    /// Waits for the next attempt; for ever when there is none.
    pub(super) async fn due(&self) {
        match self.0 {
            Some((at, _)) => sleep_until(at).await,
            None => std::future::pending().await,
        }
    }
}
