//! `--keep`: how to play with what is up.

use std::path::Path;

use anyhow::Result;

use super::{
    grid::{Grid, Trial},
    report::Report,
    survey::{Finding, Findings, address_of},
    table::main_namespace,
};
use crate::{
    agent::Agent,
    lab::{Lab, Source},
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
    for (wanted, what) in [(Finding::Connects, "an open connection"), (Finding::Blocked, "a blocked one")] {
        let mut alike =
            findings.iter().filter(|(trial, finding)| **finding == wanted && is_simple(grid, trial));
        if let Some((trial, _)) = alike.next()
            && let Some(command) = command(lab, trial)
        {
            report.line(&format!("  # {what}: {} to {}\n  {command}", trial.from, trial.to))?;
        }
    }
    let path = |name: &str| lab.folder().join(name).display().to_string();
    for (what, commands) in [
        (
            "a copy of the manifests, less the policy removed above; each change is enforced at once",
            vec![format!("ls {}", folder.display())],
        ),
        (
            "the programs on the pods' interfaces (bpftool before 7.3 does not know tcx: try the demo with --attach clsact)",
            vec![format!("nsenter --net=/run/netns/{node} bpftool net"), "bpftool link show".to_owned()],
        ),
        (
            "a shell in the node; the pods' interfaces and addresses; what the enforcer has to say",
            vec![
                format!("nsenter --net=/run/netns/{node}"),
                format!("cat {}", path("endpoints.yaml")),
                format!("tail -f {}", path("enforcer.log")),
            ],
        ),
    ] {
        report.line(&format!("  # {what}\n  {}", commands.join("\n  ")))?;
    }
    report.heading("Drops appear here. Ctrl-C ends it and removes everything.")
}

/// Within the application itself, over TCP.
fn is_simple(grid: &Grid, trial: &Trial) -> bool {
    let main = main_namespace(grid);
    let Source::Pod(from) = &trial.from else { return false };
    trial.protocol == Protocol::Tcp && from.namespace == main && trial.to.namespace == main
}

/// A command that tries a connection; bash has sockets of its own.
fn command(lab: &Lab, trial: &Trial) -> Option<String> {
    let netns = lab.netns_of(&trial.from).ok()?.name();
    let address = address_of(lab.pods().get(&trial.to)?, trial.family)?;
    Some(format!(
        "nsenter --net=/run/netns/{netns} timeout 1 bash -c 'head -1 < /dev/tcp/{address}/{}'",
        trial.port
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
            if let Err(error) = report.line(&format!("  {dropped:40}")) {
                return Some(Err(error));
            }
        }
        agent.check().err().map(Err)
    })?
}
