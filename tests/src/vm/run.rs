//! Runs the commands that the host left in the initramfs, one after the other.

use std::{
    ffi::OsString,
    fs,
    io::Read,
    os::unix::{ffi::OsStringExt as _, process::ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context as _, Result};

use super::{report::Report, wire::Wire};

/// Commands: a file each, in the order of their names; in it the words, each ended by a NUL.
const COMMANDS: &str = "/vm/commands";

/// `NAME=VALUE`, each ended by a NUL.
const ENVIRONMENT: &str = "/vm/environment";

/// What commands leave here goes back to the host.
pub(super) const RESULTS: &str = "/vm/results";

/// Runs them all. One that cannot be started has status 127, as in a shell.
pub(super) fn run_all(wire: &Wire) -> Result<()> {
    let mut environment = Vec::new();
    for word in words(Path::new(ENVIRONMENT))? {
        let word = word.to_string_lossy().into_owned();
        let (name, value) = word.split_once('=').context("a variable without a value")?;
        environment.push((name.to_owned(), value.to_owned()));
    }
    for file in files(Path::new(COMMANDS))? {
        let words = words(&file)?;
        let (program, arguments) = words.split_first().context("a command without a word")?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(environment.iter().cloned()).current_dir("/tmp");
        let status = run(&mut command, wire).unwrap_or_else(|error| {
            let text = format!("{}: {error:#}\n", program.to_string_lossy());
            wire.send(&Report::Errors(text.into_bytes())).map_or(126, |()| 127)
        });
        wire.send(&Report::Ended(status))?;
    }
    Ok(())
}

fn run(command: &mut Command, wire: &Wire) -> Result<i32> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("cannot be started")?;
    let output = child.stdout.take().map(|pipe| forward(pipe, wire.clone(), Report::Output));
    let errors = child.stderr.take().map(|pipe| forward(pipe, wire.clone(), Report::Errors));
    let status = child.wait()?;
    // Whoever the command left running with its outputs is waited for: what it says belongs to it.
    for forwarder in [output, errors].into_iter().flatten() {
        forwarder.join().ok();
    }
    Ok(status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(126))
}

fn forward(
    mut pipe: impl Read + Send + 'static,
    wire: Wire,
    report: fn(Vec<u8>) -> Report,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(length) = pipe.read(&mut piece)
            && let Some(bytes) = piece.get(..length).filter(|bytes| !bytes.is_empty())
            && wire.send(&report(bytes.to_vec())).is_ok()
        {}
    })
}

/// The files of a folder, by name.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

fn words(file: &Path) -> Result<Vec<OsString>> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(bytes
        .split_inclusive(|byte| *byte == 0)
        .map(|word| OsString::from_vec(word.strip_suffix(&[0]).unwrap_or(word).to_vec()))
        .collect())
}
