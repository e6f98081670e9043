//! `cargo xtask manifests`: the plain manifests, for clusters without Helm. `cargo xtask check` fails while they are not what the chart says.

use crate::{
    build::cargo,
    chart::{self, Chart, Release},
    process, workspace,
};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// The oldest version that is supported: what its API server takes, all later ones take.
pub(crate) const OLDEST_KUBERNETES: &str = "v1.28.0";

/// A generated file.
pub(crate) struct Manifest {
    /// From the repository's root.
    pub(crate) file: &'static str,
    pub(crate) text: String,
}

/// Writes them.
pub(crate) fn run() -> Result<()> {
    let root = workspace::root()?;
    // The agent knows its own kinds; that these files are not stale is one of its tests.
    let crds = Path::new(chart::FOLDER).join("crds");
    fs::create_dir_all(root.join(&crds)).with_context(|| format!("cannot make {}", crds.display()))?;
    let mut agent = cargo()?;
    agent.args(["run", "--quiet", "--package", "enforcer", "--bin", "enforcer", "--", "crds", "--directory"]);
    process::loudly(agent.arg(root.join(&crds)))?;
    println!("Wrote {}", crds.display());
    for Manifest { file, text } in generated(&root)? {
        fs::write(root.join(file), text).with_context(|| format!("cannot write {file}"))?;
        println!("Wrote {file}");
    }
    Ok(())
}

/// What the files should be: the chart with its own values, and what prepares its removal.
pub(crate) fn generated(root: &Path) -> Result<Vec<Manifest>> {
    let chart = Chart::read(root)?;
    [
        ("deploy/enforcer.yaml", "docs/install.md says what this installs.", json!({})),
        (
            "deploy/enforcer-uninstall.yaml",
            "The first step of removing what enforcer.yaml installs: see docs/install.md.",
            json!({"uninstall": true}),
        ),
    ]
    .into_iter()
    .map(|(file, purpose, values)| Ok(Manifest { file, text: rendered(&chart, purpose, values)? }))
    .collect()
}

/// In kube-system, which every cluster has and where pods may be as this one is.
fn rendered(chart: &Chart, purpose: &str, values: Value) -> Result<String> {
    let objects =
        chart.render(&Release { namespace: "kube-system", kubernetes: OLDEST_KUBERNETES, values })?;
    Ok(format!("# Made by `cargo xtask manifests` from {}: change that. {purpose}\n{objects}", chart::FOLDER))
}
