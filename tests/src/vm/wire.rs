//! The serial line to the host.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};
use nix::sys::termios::{SetArg, cfmakeraw, tcdrain, tcgetattr, tcsetattr};

use super::report::{MAGIC, Report};

/// The second serial port: the first is the kernel's console.
const PORT: &str = "/dev/ttyS1";

/// The line; clones write to the same.
#[derive(Clone)]
pub(super) struct Wire(Arc<Mutex<File>>);

impl Wire {
    /// Opens it: bytes go out as they are.
    pub(super) fn open() -> Result<Self> {
        let mut port = OpenOptions::new().read(true).write(true).open(PORT).with_context(|| {
            format!("cannot open {PORT}, which wants CONFIG_SERIAL_8250=y with at least two ports")
        })?;
        let mut settings = tcgetattr(&port).with_context(|| format!("{PORT} is no serial port"))?;
        cfmakeraw(&mut settings);
        tcsetattr(&port, SetArg::TCSANOW, &settings)?;
        port.write_all(MAGIC)?;
        Ok(Self(Arc::new(Mutex::new(port))))
    }

    /// Sends a report.
    pub(super) fn send(&self, report: &Report) -> Result<()> {
        let mut port = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        report.write_to(&mut *port).context("cannot report to the host")
    }

    /// Waits until all that was sent has left.
    pub(super) fn drain(&self) -> Result<()> {
        let port = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tcdrain(&*port).context("cannot wait for the serial line")
    }
}
