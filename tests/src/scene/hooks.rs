//! What is attached, as the system tells it, not as the enforcer does.

use std::{collections::BTreeSet, fs, io, process::Command};

use anyhow::{Context, Result, ensure};

use super::Scene;
use crate::lab::inside;

/// The eBPF filters on the node's interfaces, as `tc` lists them: those on clsact.
pub fn filters(scene: &Scene) -> Result<usize> {
    let mut count = 0;
    for pod in scene.lab.pods().values() {
        for side in ["ingress", "egress"] {
            let mut tc = inside(scene.lab.node().name(), "tc");
            tc.args(["filter", "show", "dev", pod.interface(), side]);
            let output = tc.output().context("cannot run `tc`")?;
            let text = String::from_utf8_lossy(&output.stdout);
            // Each filter's own line names its handle; the chain's line does not.
            count += text.lines().filter(|line| line.contains(" bpf ") && line.contains(" handle ")).count();
        }
    }
    Ok(count)
}

/// Ids of the TCX links that a process holds.
pub fn links_of(pid: u32) -> Result<BTreeSet<u32>> {
    let mut links = BTreeSet::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fdinfo")).context("the process is gone")? {
        // A file may have been closed since.
        let text = fs::read_to_string(entry?.path()).unwrap_or_default();
        let field = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
        };
        if field("link_type") == Some("tcx") {
            links.extend(field("link_id").and_then(|id| id.parse::<u32>().ok()));
        }
    }
    Ok(links)
}

/// Ids of all links that the kernel has; `None` on a machine without `bpftool`.
pub fn living_links() -> Result<Option<BTreeSet<u32>>> {
    let output = match Command::new("bpftool").args(["--json", "link", "show"]).output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        output => output.context("cannot run `bpftool`")?,
    };
    ensure!(output.status.success(), "`bpftool` failed: {}", String::from_utf8_lossy(&output.stderr));
    let links: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).context("bpftool's JSON")?;
    let ids = links.iter().filter_map(|link| u32::try_from(link.get("id")?.as_u64()?).ok());
    Ok(Some(ids.collect()))
}
