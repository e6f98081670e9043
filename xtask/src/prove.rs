//! `cargo xtask prove`.

use crate::{build, process, program, setup::Purpose, workspace};
use anyhow::{Result, bail};
use std::{ffi::OsString, process::Command};

#[path = "../../tests/src/prove/options.rs"]
#[allow(dead_code, unreachable_pub, reason = "the proof, whose command line it is, uses the rest")]
mod options;

pub(crate) use options::Options;

/// Sets up, builds, and becomes the proof.
pub(crate) fn run(options: &Options) -> Result<()> {
    program::become_it(Purpose::Build, || build(options, &program::words()))
}

/// Builds it, optimised: a debug build judges a twentieth as many packets. `words` are the options as they were typed.
pub(crate) fn build(options: &Options, words: &[OsString]) -> Result<Command> {
    let mut cargo = build::cargo()?;
    cargo.args(["build", "--release", "--package", "enforcer-tests", "--bin", "enforcer-prove"]);
    process::loudly(&mut cargo)?;
    let target = workspace::target_dir()?;
    let mut proof = Command::new(target.join("release/enforcer-prove"));
    proof.args(words);
    if options.save.is_none() {
        proof.arg("--save").arg(target.join("prove"));
    }
    if !workspace::is_root() && options.has_kernel() {
        bail!(
            "the kernel's part loads eBPF programs, so it runs as root; without it: cargo xtask prove --kernel 0, \
             with it: {}",
            workspace::as_root(&process::shown(&proof))
        );
    }
    Ok(proof)
}
