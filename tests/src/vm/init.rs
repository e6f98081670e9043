//! The first process: makes the machine fit for the commands, runs them, sends their results, ends the machine.

use std::{
    fs::{self, File},
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};
use nix::{
    errno::Errno,
    kmod::{ModuleInitFlags, finit_module},
    sys::{
        reboot::{RebootMode, reboot},
        resource::{RLIM_INFINITY, Resource, setrlimit},
        utsname::uname,
    },
};
use walkdir::WalkDir;

use super::{
    loopback, mounts,
    report::Report,
    run::{self, RESULTS},
    wire::Wire,
};

/// Kernel modules, in the order in which they are to be loaded.
const MODULES: &str = "/vm/modules";

/// How often the host hears from us.
const BEAT: Duration = Duration::from_secs(1);

/// Does all of it. Returns only when it could not be done.
///
/// # Errors
/// When the machine cannot be made fit, or the host cannot be told.
pub fn run() -> Result<()> {
    let missing = mounts::mount_all()?;
    let wire = Wire::open()?;
    let release = uname()?.release().to_string_lossy().into_owned();
    wire.send(&Report::Started(release))?;
    // Dropped, it ends the thread.
    let _beat = beat(wire.clone());
    for text in missing {
        wire.send(&Report::Note(text))?;
    }
    for text in prepare()? {
        wire.send(&Report::Note(text))?;
    }
    run::run_all(&wire)?;
    send_results(&wire)?;
    wire.send(&Report::Finished)?;
    wire.drain()?;
    // The host's qemu ends where a machine would start anew: that works without ACPI in the kernel.
    match reboot(RebootMode::RB_AUTOBOOT)? {}
}

/// Modules, limits, loopback; returns what did not work of it.
fn prepare() -> Result<Vec<String>> {
    let mut failed = Vec::new();
    for module in run::files(Path::new(MODULES))? {
        let file = File::open(&module)?;
        match finit_module(&file, c"", ModuleInitFlags::empty()) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => failed.push(format!("module {}: {error}", module.display())),
        }
    }
    // Before 5.11 the memory of maps counts against this limit.
    setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY)
        .context("the limit of locked memory")?;
    setrlimit(Resource::RLIMIT_NOFILE, 65_536, 65_536).context("the limit of open files")?;
    if let Err(error) = loopback::set_up() {
        failed.push(format!("the loopback interface stays down: {error}"));
    }
    fs::create_dir_all(RESULTS)?;
    Ok(failed)
}

fn beat(wire: Wire) -> mpsc::Sender<()> {
    let (end, ended) = mpsc::channel();
    thread::spawn(move || {
        while ended.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) && wire.send(&Report::Alive).is_ok()
        {
        }
    });
    end
}

fn send_results(wire: &Wire) -> Result<()> {
    for entry in WalkDir::new(RESULTS).sort_by_file_name() {
        let entry = entry?;
        if entry.file_type().is_file() {
            let name = entry.path().strip_prefix(RESULTS)?.to_string_lossy().into_owned();
            wire.send(&Report::File(name, fs::read(entry.path())?))?;
        }
    }
    Ok(())
}
