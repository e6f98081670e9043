//! The kernel's clock: flows are stamped in jiffies, whose rate no interface tells.

use aya::programs::{TestRun, TestRunOptions};

use super::{Dataplane, DataplaneError};

/// Jiffies and nanoseconds since boot, read in one program run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// `jiffies64`.
    pub jiffies: u64,
    /// `CLOCK_BOOTTIME` in nanoseconds.
    pub nanoseconds: u64,
}

/// The tick rate of the kernel, in jiffies per second (`CONFIG_HZ`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticks(pub u32);

impl Ticks {
    /// From two readings: the nearest rate that kernels are built with. `None` when they are too close.
    #[must_use]
    pub fn between(earlier: Clock, later: Clock) -> Option<Self> {
        let jiffies = later.jiffies.checked_sub(earlier.jiffies)?;
        let nanoseconds = later.nanoseconds.checked_sub(earlier.nanoseconds)?;
        if nanoseconds < 200_000_000 {
            return None;
        }
        let rate = u128::from(jiffies) * 1_000_000_000 / u128::from(nanoseconds);
        [100_u32, 250, 300, 1000].into_iter().min_by_key(|known| u128::from(*known).abs_diff(rate)).map(Self)
    }
}

impl Dataplane {
    /// Reads the kernel's clock.
    ///
    /// # Errors
    /// When the program cannot be run.
    pub fn clock(&mut self) -> Result<Clock, DataplaneError> {
        // The smallest packet that the kernel takes for a test run is an Ethernet header.
        let packet = [0_u8; 64];
        let options = TestRunOptions { data_in: Some(&packet), ..TestRunOptions::new() };
        self.program("clock")?
            .test_run(options)
            .map_err(|source| DataplaneError::Program { program: "clock", source: Box::new(source) })?;
        let read = |index| self.maps.clock.get(&index, 0).map_err(DataplaneError::map("CLOCK"));
        Ok(Clock { jiffies: read(0)?, nanoseconds: read(1)? })
    }
    /// The time as flows note it: the low half of the jiffies.
    pub(super) fn now(&mut self) -> Result<u32, DataplaneError> {
        #[expect(clippy::cast_possible_truncation, reason = "flows keep the low half of the jiffies")]
        let now = self.clock()?.jiffies as u32;
        Ok(now)
    }
}
