//! For benchmarks: the wait beside the one that it replaced.

use super::{Grace, barrier};

/// The wait of the agent, on its own.
pub struct GraceWait(Grace);

impl GraceWait {
    /// Starts the workers.
    #[must_use]
    pub fn start() -> Self {
        Self(Grace::start())
    }

    /// As the agent waits: visits and membarrier side by side.
    pub fn wait(&self) {
        self.0.wait();
    }

    /// The membarrier alone.
    pub fn wait_for_barrier(&self) {
        barrier();
    }
}
