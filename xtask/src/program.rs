//! Programs of `tests` that a verb becomes.

use crate::{process, setup};
use anyhow::{Context as _, Result};
use std::{env, ffi::OsString, os::unix::process::CommandExt as _, process::Command};

/// What was typed after the verb. It has been parsed, so the program takes it too.
pub(crate) fn words() -> Vec<OsString> {
    env::args_os().skip(2).collect()
}

/// Sets up, builds, and becomes the program. Not a child: signals, the terminal and the exit status are then its own.
pub(crate) fn become_it(purpose: setup::Purpose, build: impl FnOnce() -> Result<Command>) -> Result<()> {
    setup::run(purpose)?;
    let mut program = build()?;
    let error = program.exec();
    Err(error).with_context(|| format!("cannot run {}", process::shown(&program)))
}
