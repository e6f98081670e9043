//! The demo's steps.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Result, bail, ensure};
use enforcer::{model::ObjectName, quantity::quantity, source::Severity, store::Cluster};

use super::{
    Options, cluster,
    expected::most_telling_removal,
    family::families,
    grid::Grid,
    keep,
    matrix::{Matrix, change_marks, marks, matrix},
    removal,
    report::Report,
    style::Style,
    survey::{Finding, Findings, survey},
    table::Panel,
};
use crate::{
    agent::{self, Agent, Endpoints, Settings},
    lab::{self, Lab},
};

/// How the demo ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// The kernel did what the oracle expects, everywhere.
    Agreement,
    /// It did not; the differences are printed.
    Difference,
    /// It did, but some of what the manifests say was refused, and is printed: it is not in force.
    Refused,
}

/// Everything that stays the same from step to step.
pub(super) struct Stage<'a> {
    /// Where to print.
    pub(super) report: &'a Report,
    /// Where to connect.
    lab: &'a Lab,
    /// What to connect.
    pub(super) grid: &'a Grid,
    /// The copy of the manifests.
    folder: PathBuf,
    /// What of them was refused.
    refused: usize,
}

/// Runs all steps.
pub fn run(options: &Options) -> Result<Conclusion> {
    ensure!(
        nix::unistd::geteuid().is_root(),
        "the demo makes network namespaces and loads eBPF programs: run it as root"
    );
    let binary = agent::binary()?;
    let report = Report::new(Style::new(options.no_color), options.verbose);

    report.line(&format!("Manifests: {}", options.manifests.display()))?;
    let begun = Instant::now();
    let (cluster, problems) = cluster::read(&options.manifests);
    for problem in &problems {
        report.failure(&format!("  {problem}"))?;
    }
    let refused = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    let specs = cluster::pods_to_build(&cluster);
    ensure!(!specs.is_empty(), "{} describes no pods: is it the right folder?", options.manifests.display());
    report.step(
        &format!(
            "read: {}, {}, {}",
            quantity(specs.len(), "pod"),
            quantity(cluster.services.len(), "Service"),
            quantity(cluster.policies.len(), "NetworkPolicy")
        ),
        begun.elapsed(),
    )?;

    let begun = Instant::now();
    let lab = Lab::build(&specs)?;
    let cluster = cluster::at_lab_addresses(cluster, &lab);
    let families = families(options, lab::has_ipv6());
    let grid = Grid::new(&cluster, &families);
    let folder = lab.folder().join("manifests");
    removal::copy(&options.manifests, &folder)?;
    report.step(
        &format!("built: a node and {} as network namespaces", quantity(specs.len(), "pod")),
        begun.elapsed(),
    )?;
    ensure!(!grid.columns.is_empty(), "no Service port leads to a pod, so there is nothing to connect to");

    let stage = Stage { report: &report, lab: &lab, grid: &grid, folder, refused };
    stage.run(options, &cluster, &binary, families.len())
}

impl Stage<'_> {
    fn run(
        &self,
        options: &Options,
        cluster: &Cluster,
        binary: &Path,
        families: usize,
    ) -> Result<Conclusion> {
        let report = self.report;
        let before = self.survey("before")?;
        self.check_lab(&before)?;

        let begun = Instant::now();
        let endpoints = self.lab.folder().join("endpoints.yaml");
        agent::write_endpoints(&endpoints, self.lab.pods().values().map(|pod| (pod, "")))?;
        let settings = Settings {
            manifests: self.folder.clone(),
            api_server: None,
            endpoints: Endpoints::File(endpoints),
            attach: options.attach.clone(),
            flow_timeouts: Vec::new(),
            capabilities: None,
            pins: None,
            flags: Vec::new(),
        };
        let mut agent = Agent::start(self.lab, binary, &settings)?;
        let applied = agent.wait_applied(0)?;
        report.step(
            &format!(
                "enforcer: {} in force on {}, {}",
                quantity(applied.policies, "policy"),
                quantity(applied.endpoints, "endpoint"),
                quantity(applied.operations, "map operation")
            ),
            begun.elapsed(),
        )?;

        let after = self.survey("after")?;
        let [open, enforced] = [&before, &after].map(|findings| matrix(self.grid, findings));
        report.matrices(
            self.grid,
            &[
                Panel { title: "BEFORE: no enforcer".into(), marks: marks(&open) },
                Panel {
                    title: format!("AFTER: {}", quantity(cluster.policies.len(), "policy")),
                    marks: marks(&enforced),
                },
            ],
        )?;
        report.legend(self.grid, families)?;
        report.line(&format!("Before: {}. After: {}.", Report::counts(&open), Report::counts(&enforced)))?;
        let mut agrees = self.judge(&mut agent, cluster, &after, 0)?;

        let mut last = after;
        if let Some((policy, without)) = most_telling_removal(cluster, self.grid) {
            let (findings, same) = self.remove_policy(&mut agent, &policy, &without, &enforced)?;
            agrees &= same;
            last = findings;
        } else {
            report.line("\nThere is no policy whose removal would change anything.")?;
        }

        report.heading("Summary")?;
        report.line(&format!(
            "  {}, {} each time, {} reported, {:.0} s",
            quantity(self.grid.tried_cells(), "cell"),
            quantity(last.len(), "connection"),
            quantity(agent.said().drops.len(), "drop"),
            report.elapsed().as_secs_f32().ceil(),
        ))?;
        if agrees {
            report.success(&format!(
                "  The kernel agrees with the oracle in all {} cells.",
                self.grid.tried_cells()
            ))?;
        } else {
            report.failure("  The kernel and the oracle differ; see above.")?;
        }
        if self.refused > 0 {
            report.failure(&format!(
                "  Refused, and not in force: {} of what the manifests say; see the top.",
                self.refused
            ))?;
        }
        if options.verbose {
            report.heading("The enforcer's log")?;
            report.line(agent.log().trim_end())?;
        }
        if options.keep {
            keep::explain(report, self.lab, self.grid, &last, &self.folder)?;
            keep::follow(report, &mut agent)?;
        }
        Ok(match (agrees, self.refused) {
            (false, _) => Conclusion::Difference,
            (true, 0) => Conclusion::Agreement,
            (true, _) => Conclusion::Refused,
        })
    }

    fn survey(&self, name: &str) -> Result<Findings> {
        let begun = Instant::now();
        let findings = survey(self.lab, self.grid)?;
        self.report
            .step(&format!("{name}: {} tried", quantity(findings.len(), "connection")), begun.elapsed())?;
        Ok(findings)
    }

    /// Without an enforcer everything must connect, else the lab is broken and nothing it says counts.
    fn check_lab(&self, before: &Findings) -> Result<()> {
        let broken: Vec<String> = before
            .iter()
            .filter(|(_, finding)| **finding != Finding::Connects)
            .map(|(trial, finding)| format!("{} → {} {}: {finding:?}", trial.from, trial.to, trial.port))
            .collect();
        if let Some(first) = broken.first() {
            bail!(
                "{} of {} connections fail before there is an enforcer, such as {first}: the lab does not work here",
                broken.len(),
                before.len()
            );
        }
        Ok(())
    }

    fn remove_policy(
        &self,
        agent: &mut Agent,
        policy: &ObjectName,
        without: &Cluster,
        enforced: &Matrix,
    ) -> Result<(Findings, bool)> {
        self.report.heading(&format!("Removing NetworkPolicy {policy}"))?;
        let begun = Instant::now();
        let (revision, first) = (agent.revision(), agent.said().drops.len());
        removal::remove(&self.folder, policy)?;
        let (left, _) = cluster::read(&self.folder);
        ensure!(left.policies == without.policies, "removing {policy} changed other policies too");
        let applied = agent.wait_applied(revision)?;
        self.report.step(
            &format!(
                "enforcer: {} in force, {}",
                quantity(applied.policies, "policy"),
                quantity(applied.operations, "map operation")
            ),
            begun.elapsed(),
        )?;
        let findings = self.survey("after the removal")?;
        let now = matrix(self.grid, &findings);
        self.report.matrices(
            self.grid,
            &[Panel {
                title: format!("WITHOUT {policy}: + now open, − now blocked"),
                marks: change_marks(enforced, &now),
            }],
        )?;
        self.report.changes(self.grid, enforced, &now)?;
        self.report.line(&format!("\nNow: {}.", Report::counts(&now)))?;
        let agrees = self.judge(agent, without, &findings, first)?;
        Ok((findings, agrees))
    }
}
