//! The `ip` command in batch mode: one process for a whole script.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// Runs `script`, one `ip` command a line, inside `namespace` or, with `None`, where names of network
/// namespaces are made and deleted.
pub(super) fn batch(namespace: Option<&str>, script: &str) -> Result<()> {
    run(namespace, &["-batch", "-"], script)
}

/// As [`batch`], but goes on after a line that failed: for cleaning up.
pub(super) fn batch_forced(script: &str) -> Result<()> {
    run(None, &["-force", "-batch", "-"], script)
}

/// A command that runs in a network namespace, and changes nothing but that.
pub fn inside(namespace: &str, program: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={}/{namespace}", super::netns::FOLDER)).arg(program);
    command
}

fn run(namespace: Option<&str>, arguments: &[&str], script: &str) -> Result<()> {
    // Not `ip -n`: it remounts `/`, which fails in a chroot, where `/` is no mount point.
    let mut command = match namespace {
        None => Command::new("ip"),
        Some(namespace) => inside(namespace, "ip"),
    };
    let mut child = command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run `ip`; install it with: apt-get install iproute2")?;
    if let Some(mut stdin) = child.stdin.take() {
        // A script that fails early closes the pipe; its exit code and stderr say more than that.
        stdin.write_all(script.as_bytes()).ok();
    }
    let output = child.wait_with_output().context("cannot wait for `ip`")?;
    if !output.status.success() {
        let place = namespace.unwrap_or("the machine");
        bail!("`ip` failed in {place}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
