//! `cargo xtask manifests`: the plain manifests, for clusters without Helm. `cargo xtask check` fails while they are not what the chart says.

use crate::{
    chart::{self, Chart, Release},
    workspace,
};
use anyhow::{Context as _, Result};
use serde_json::json;
use std::{fs, path::Path};

/// The manifests, from the repository's root.
pub(crate) const FILE: &str = "deploy/enforcer.yaml";

/// The oldest version that is supported: what its API server takes, all later ones take.
pub(crate) const OLDEST_KUBERNETES: &str = "v1.28.0";

/// Writes them.
pub(crate) fn run() -> Result<()> {
    let root = workspace::root()?;
    fs::write(root.join(FILE), generated(&root)?).with_context(|| format!("cannot write {FILE}"))?;
    println!("Wrote {FILE}");
    Ok(())
}

/// What the file should be: the chart with its own values, in kube-system, which every cluster has and where pods may be as this one is.
pub(crate) fn generated(root: &Path) -> Result<String> {
    let release = Release { namespace: "kube-system", kubernetes: OLDEST_KUBERNETES, values: json!({}) };
    let objects = Chart::read(root)?.render(&release)?;
    Ok(format!(
        "# Made by `cargo xtask manifests` from {}: change that. docs/install.md says what this installs.\n{objects}",
        chart::FOLDER
    ))
}
