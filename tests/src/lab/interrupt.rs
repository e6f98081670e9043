//! Labs and signals. Signals are blocked in every thread but waited for by one, which removes all labs of
//! the process and ends it. One lock orders this with whatever makes namespaces or processes: once the
//! signal thread has it, it never gives it back, so nothing new appears while it cleans up, and a `main`
//! that is on its way out waits for it in [`super::Lab`]'s `drop`.

use std::{
    collections::BTreeSet,
    os::unix::process::CommandExt,
    process::{self, Child, Command},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use anyhow::{Context, Result};
use nix::sys::signal::{SigSet, Signal};

use super::{LabId, cleanup};

static LABS: Mutex<BTreeSet<LabId>> = Mutex::new(BTreeSet::new());

/// The lock, and with it the list of this process's labs.
pub(super) struct Tables(MutexGuard<'static, BTreeSet<LabId>>);

/// Waits for the lock.
pub(super) fn hold() -> Tables {
    Tables(LABS.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Tables {
    /// From now on a signal removes this lab.
    pub(super) fn register(&mut self, id: &LabId) {
        self.0.insert(id.clone());
    }

    /// It is gone.
    pub(super) fn forget(&mut self, id: &LabId) {
        self.0.remove(id);
    }
}

fn signals() -> SigSet {
    SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP])
}

/// From now on Ctrl-C, SIGTERM and SIGHUP remove this process's labs before they end it. Must be called
/// first in `main`: threads inherit the blocked signals from the thread that starts them.
pub fn clean_up_on_signals() -> Result<()> {
    signals().thread_block().context("cannot block signals")?;
    thread::Builder::new().name("signals".into()).spawn(|| {
        let Ok(signal) = signals().wait() else { return };
        let tables = hold();
        eprintln!("\n{signal}: cleaning up");
        for id in tables.0.iter() {
            if let Err(error) = cleanup::remove(id) {
                eprintln!("lab {id} is not removed completely: {error:#}");
            }
        }
        process::exit(128 + signal as i32);
    })?;
    Ok(())
}

/// Never returns: the signal thread ends the process.
pub fn wait_for_signal() -> ! {
    loop {
        thread::park();
    }
}

/// Starts a child that gets signals (a child inherits what the starting thread blocks) and a process
/// group of its own (Ctrl-C in a terminal is for the lab's owner, which ends its children itself). For a
/// thread that ends soon: its signals stay unblocked.
pub(super) fn spawn(command: &mut Command) -> Result<Child> {
    signals().thread_unblock().context("cannot unblock signals")?;
    let name = command.get_program().to_string_lossy().into_owned();
    command.process_group(0).spawn().with_context(|| format!("cannot start {name}"))
}
