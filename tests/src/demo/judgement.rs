//! Whether the kernel did what the oracle expects, and said why.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Result;
use enforcer::{quantity::quantity, store::Cluster};

use super::{
    expected::{differences, expect},
    grid::Trial,
    report::Report,
    run::Stage,
    survey::{Finding, Findings},
};
use crate::{
    agent::{Agent, Dropped},
    poll,
};

impl Stage<'_> {
    /// Compares with the oracle, shows the drops since `first`, and looks for each blocked pair in them.
    pub(super) fn judge(
        &self,
        agent: &mut Agent,
        cluster: &Cluster,
        findings: &Findings,
        first: usize,
    ) -> Result<bool> {
        let expectations = expect(cluster, self.grid);
        let different = differences(&expectations, findings);
        let blocked: BTreeSet<&Trial> = findings
            .iter()
            .filter(|(_, finding)| **finding == Finding::Blocked)
            .map(|(trial, _)| trial)
            .collect();
        let unexplained = wait_for_drops(agent, &blocked, first);
        agent.check()?;

        let drops = drops_since(agent, first);
        self.report.drops(&drops)?;
        self.report.line("")?;
        self.report.differences(&different)?;
        self.report.unexplained(&unexplained)?;
        if different.is_empty() && unexplained.is_empty() {
            self.report.success(&format!(
                "As the oracle expects: {}; each blocked one has a drop event.",
                Report::expected(&expectations)
            ))?;
        } else {
            self.report.failure(&format!(
                "Different from the oracle: {}. Blocked without a drop event: {}.",
                quantity(different.len(), "connection"),
                quantity(unexplained.len(), "connection")
            ))?;
        }
        Ok(different.is_empty() && unexplained.is_empty())
    }
}

fn drops_since(agent: &Agent, first: usize) -> Vec<Dropped> {
    agent.said().drops.get(first..).map(<[_]>::to_vec).unwrap_or_default()
}

/// Events come a little after their packets. Gives the connections that still have none.
fn wait_for_drops<'a>(agent: &Agent, blocked: &BTreeSet<&'a Trial>, first: usize) -> Vec<&'a Trial> {
    let mut missing: Vec<&Trial> = blocked.iter().copied().collect();
    let mut seen = first;
    let waited = poll::until(Duration::from_secs(3), "every blocked connection has a drop event", || {
        let news = drops_since(agent, seen);
        seen += news.len();
        missing.retain(|trial| !news.iter().any(|dropped| trial.is_of(dropped)));
        missing.is_empty().then_some(())
    });
    if waited.is_ok() { Vec::new() } else { missing }
}
