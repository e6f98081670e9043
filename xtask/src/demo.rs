//! `cargo xtask demo`.

use crate::{build, setup, workspace};
use anyhow::{Context as _, Result, bail};
use std::{ffi::OsString, os::unix::process::CommandExt as _, process::Command};

/// What is after `demo` goes to the demo as it is.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// The demo's own arguments; see `cargo xtask demo --help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Sets up, builds, and becomes the demo.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let only_help = arguments.arguments.iter().any(|argument| argument == "--help" || argument == "-h");
    if !workspace::is_root() && !only_help {
        bail!(
            "the demo makes network namespaces and loads eBPF programs, so it runs as root: {}",
            workspace::as_root("cargo xtask demo")
        );
    }
    setup::run(setup::Purpose::Build)?;
    build::run()?;
    let programs = workspace::target_dir()?.join("release");
    let demo = programs.join("enforcer-demo");
    // Not a child: signals, the terminal and the exit status are then the demo's own.
    let error =
        Command::new(&demo).args(&arguments.arguments).env("ENFORCER_BIN", programs.join("enforcer")).exec();
    Err(error).with_context(|| format!("cannot run {}", demo.display()))
}
