//! `--keep`: how to play with what is up.

use std::path::Path;

use anyhow::Result;

use super::{
    agent::Agent,
    grid::{Grid, Trial},
    report::Report,
    survey::{Finding, Findings},
};
use crate::{
    lab::{Lab, Source},
    oracle::Family,
};
use enforcer::model::Protocol;

/// Prints the commands.
pub(super) fn explain(
    report: &Report,
    lab: &Lab,
    grid: &Grid,
    findings: &Findings,
    folder: &Path,
) -> Result<()> {
    let node = lab.node().name();
    report.heading("Everything stays up. In another terminal, as root:")?;
    for (finding, what) in
        [(Finding::Connects, "a connection that is allowed"), (Finding::Blocked, "one that is not")]
    {
        if let Some(command) = findings
            .iter()
            .find(|(trial, found)| **found == finding && is_simple(trial))
            .and_then(|(trial, _)| command(lab, trial))
        {
            report.line(&format!("  # {what}\n  {command}"))?;
        }
    }
    report.line(&format!(
        "  # the policies; each change is enforced at once\n  ls {folder}\n  \
           # a shell in the node, the programs on its interfaces, the pods' addresses\n  \
           nsenter --net=/run/netns/{node}\n  ip netns exec {node} bpftool net\n  cat {endpoints}\n  \
           # the enforcer's log\n  tail -f {log}",
        folder = folder.display(),
        endpoints = lab.folder().join("endpoints.yaml").display(),
        log = lab.folder().join("enforcer.log").display(),
    ))?;
    let _ = grid;
    report.heading("Drops appear here. Ctrl-C ends it and removes everything.")
}

fn is_simple(trial: &Trial) -> bool {
    trial.protocol == Protocol::Tcp && trial.family == Family::V4 && trial.from != Source::Node
}

/// A command that tries a connection; bash has sockets of its own.
fn command(lab: &Lab, trial: &Trial) -> Option<String> {
    let netns = lab.netns_of(&trial.from).ok()?.name();
    let address = lab.pods().get(&trial.to)?.addresses().iter().find(|address| address.is_ipv4())?;
    Some(format!(
        "ip netns exec {netns} timeout 1 bash -c 'head -1 < /dev/tcp/{address}/{}'  # {} to {}",
        trial.port, trial.from, trial.to
    ))
}

/// Prints drops as they come, until a signal ends the process or the enforcer dies.
pub(super) fn follow(report: &Report, agent: &mut Agent) -> Result<()> {
    let mut shown = agent.said().drops.len();
    let forever = std::time::Duration::from_secs(u64::from(u32::MAX));
    crate::poll::until(forever, "the demo is ended", || {
        let news = agent.said().drops.get(shown..).map(<[_]>::to_vec).unwrap_or_default();
        shown += news.len();
        for dropped in &news {
            if let Err(error) = report.line(&format!("  {dropped}")) {
                return Some(Err(error));
            }
        }
        agent.check().err().map(Err)
    })?
}
