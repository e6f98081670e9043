//! `cargo xtask demo`.

use crate::{build, process, setup, workspace};
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
    setup::run(setup::Purpose::Build)?;
    build::run()?;
    let programs = workspace::target_dir()?.join("release");
    let agent = programs.join("enforcer");
    let mut demo = Command::new(programs.join("enforcer-demo"));
    demo.args(&arguments.arguments);
    let only_help = arguments.arguments.iter().any(|argument| argument == "--help" || argument == "-h");
    if !workspace::is_root() && !only_help {
        // Only this last step needs root: what root builds, the user can no longer build.
        bail!(
            "the demo makes network namespaces and loads eBPF programs, so it runs as root: \
             sudo ENFORCER_BIN={} {}",
            process::quoted(&agent.to_string_lossy()),
            process::shown(&demo)
        );
    }
    // Not a child: signals, the terminal and the exit status are then the demo's own.
    let error = demo.env("ENFORCER_BIN", agent).exec();
    Err(error).with_context(|| format!("cannot run {}", process::shown(&demo)))
}
