//! The programs that rivals are set up with: whether they are there, and running them in a node.

use std::{
    env,
    io::Write as _,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::lab::Lab;

/// A program, and Debian's package of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) package: &'static str,
}

pub(super) const IPSET: Program = Program { name: "ipset", package: "ipset" };
pub(super) const NFT: Program = Program { name: "nft", package: "nftables" };
/// The kernel's own tables: a rule costs a sixth of what it costs by way of nftables, so rivals get these where both
/// program and kernel have them.
const LEGACY: Program = Program { name: "iptables-legacy-restore", package: "iptables" };
const IPTABLES: Program = Program { name: "iptables-restore", package: "iptables" };

impl Program {
    /// Whether it is installed.
    pub(super) fn is_there(self) -> bool {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).any(|folder| folder.join(self.name).is_file())
    }

    /// What it says of its version.
    pub(super) fn version(self) -> String {
        let output = Command::new(self.name).arg("--version").output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        text.unwrap_or_default().lines().next().unwrap_or_default().trim().to_owned()
    }

    /// Runs it in a lab's node with this input.
    ///
    /// # Errors
    /// When it cannot be run, or fails: with what it said.
    pub(super) fn feed(self, lab: &Lab, arguments: &[&str], input: &str) -> Result<()> {
        lab.node().enter(|| self.feed_here(arguments, input))
    }

    /// The same, for a thread that is in the node already.
    ///
    /// # Errors
    /// As above.
    pub(super) fn feed_here(self, arguments: &[&str], input: &str) -> Result<()> {
        let Self { name, package } = self;
        let mut child = Command::new(name)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {name}; install it with: apt-get install {package}"))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that fails early closes the pipe; its exit status and words say more than that.
            stdin.write_all(input.as_bytes()).ok();
        }
        let output = child.wait_with_output().with_context(|| format!("cannot wait for {name}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let beginning: String = said.chars().take(400).collect();
            bail!("{name} failed: {}", beginning.trim());
        }
        Ok(())
    }
}

/// The program that loads rules of iptables: the first that works in this node.
///
/// # Errors
/// When none does: with what the last one said.
pub(super) fn iptables(lab: &Lab) -> Result<Program> {
    let try_one = |program: Program| program.feed(lab, &["--noflush"], "*filter\nCOMMIT\n").map(|()| program);
    try_one(LEGACY).or_else(|_| try_one(IPTABLES))
}
