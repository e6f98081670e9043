//! `cargo xtask prove`.

use crate::{build, process, setup, workspace};
use anyhow::{Context as _, Result, bail};
use std::{ffi::OsString, os::unix::process::CommandExt as _, process::Command};

/// What is after `prove` goes to the proof as it is.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// The proof's own arguments; see `cargo xtask prove --help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Sets up, builds, and becomes the proof.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    setup::run(setup::Purpose::Build)?;
    let mut proof = build(&arguments.arguments)?;
    // Not a child: signals, the terminal and the exit status are then the proof's own.
    let error = proof.exec();
    Err(error).with_context(|| format!("cannot run {}", process::shown(&proof)))
}

/// Builds it, optimised: a debug build judges a twentieth as many packets.
pub(crate) fn build(arguments: &[OsString]) -> Result<Command> {
    let mut cargo = build::cargo()?;
    cargo.args(["build", "--release", "--package", "enforcer-tests", "--bin", "enforcer-prove"]);
    process::loudly(&mut cargo)?;
    let target = workspace::target_dir()?;
    let mut proof = Command::new(target.join("release/enforcer-prove"));
    proof.args(arguments);
    let says = |name: &str| {
        arguments
            .iter()
            .any(|argument| argument.to_str().is_some_and(|text| text.split('=').next() == Some(name)))
    };
    if !says("--save") {
        proof.arg("--save").arg(target.join("prove"));
    }
    let no_kernel =
        arguments.windows(2).any(|pair| matches!(pair, [name, value] if name == "--kernel" && value == "0"))
            || arguments.iter().any(|argument| argument == "--kernel=0");
    if !workspace::is_root() && !no_kernel && !says("--help") && !says("-h") && !says("--replay") {
        bail!(
            "the kernel's part loads eBPF programs, so it runs as root; without it: cargo xtask prove --kernel 0, \
             with it: {}",
            workspace::as_root(&process::shown(&proof))
        );
    }
    Ok(proof)
}
