//! The ring buffer of drop events, and the programs' log lines.

use std::os::fd::AsRawFd;

use aya::maps::{MapData, RingBuf};
use tokio::io::{Interest, unix::AsyncFd};

use super::{Dataplane, DataplaneError, maps};

/// Records that are read before the caller gets a turn again: a flood must not keep it from changes.
const BATCH: usize = 4096;

/// Records of drops, as they come: bytes, for [`crate::flow::decode`].
pub struct Events {
    ring: AsyncFd<RingBuf<MapData>>,
}

impl Events {
    /// Waits for records and gives each to `each`. Returns after a batch; safe to cancel while it waits.
    ///
    /// # Errors
    /// When the ring cannot be polled.
    pub async fn read(&mut self, mut each: impl FnMut(&[u8])) -> Result<(), DataplaneError> {
        let mut ready = self
            .ring
            .readable_mut()
            .await
            .map_err(|source| DataplaneError::System { what: "event ring".to_owned(), source })?;
        let ring = ready.get_inner_mut();
        for _ in 0..BATCH {
            let Some(record) = ring.next() else {
                ready.clear_ready();
                return Ok(());
            };
            each(&record);
        }
        ready.retain_ready();
        Ok(())
    }
}

/// The programs' own log lines, given to the `log` crate's logger.
pub struct KernelLog {
    log: AsyncFd<aya_log::EbpfLogger<&'static dyn log::Log>>,
}

impl KernelLog {
    /// Waits for lines and logs them. Safe to cancel while it waits.
    ///
    /// # Errors
    /// When the ring cannot be polled.
    pub async fn flush(&mut self) -> Result<(), DataplaneError> {
        let mut ready = self
            .log
            .readable_mut()
            .await
            .map_err(|source| DataplaneError::System { what: "log ring".to_owned(), source })?;
        ready.get_inner_mut().flush();
        ready.clear_ready();
        Ok(())
    }
}

impl Dataplane {
    /// Takes the reading end of the event ring; there is one. Needs a tokio runtime.
    ///
    /// # Errors
    /// When it was taken before, or the kernel refuses.
    pub fn events(&mut self) -> Result<Events, DataplaneError> {
        let ring: RingBuf<MapData> = maps::take(&mut self.ebpf, "EVENTS")?;
        Ok(Events { ring: poll(ring, "event ring")? })
    }

    /// Takes the reading end of the log ring. Needs a tokio runtime.
    ///
    /// # Errors
    /// When it was taken before, or the kernel refuses.
    pub fn kernel_log(&mut self) -> Result<KernelLog, DataplaneError> {
        let log =
            aya_log::EbpfLogger::init(&mut self.ebpf).map_err(|_| DataplaneError::Missing("AYA_LOGS"))?;
        Ok(KernelLog { log: poll(log, "log ring")? })
    }
}

#[expect(deprecated, reason = "its successor is unsafe; both rings own their descriptor and never change it")]
fn poll<T: AsRawFd>(ring: T, what: &str) -> Result<AsyncFd<T>, DataplaneError> {
    AsyncFd::with_interest(ring, Interest::READABLE)
        .map_err(|source| DataplaneError::System { what: what.to_owned(), source })
}
