//! `cargo xtask demo`.

use crate::{build, process, program, setup::Purpose, workspace};
use anyhow::{Result, bail};
use std::process::Command;

#[path = "../../tests/src/demo/options.rs"]
#[allow(dead_code, unreachable_pub, reason = "the demo, whose command line it is, uses the rest")]
mod options;

pub(crate) use options::Options;

/// Sets up, builds, and becomes the demo.
pub(crate) fn run() -> Result<()> {
    program::become_it(Purpose::Build, build)
}

fn build() -> Result<Command> {
    build::run()?;
    let programs = workspace::target_dir()?.join("release");
    let agent = programs.join("enforcer");
    let mut demo = Command::new(programs.join("enforcer-demo"));
    demo.args(program::words());
    if !workspace::is_root() {
        // Only this last step needs root: what root builds, the user can no longer build.
        bail!(
            "the demo makes network namespaces and loads eBPF programs, so it runs as root: \
             sudo ENFORCER_BIN={} {}",
            process::quoted(&agent.to_string_lossy()),
            process::shown(&demo)
        );
    }
    demo.env("ENFORCER_BIN", agent);
    Ok(demo)
}
