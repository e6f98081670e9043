//! `cargo xtask manifests`: the plain manifests, for clusters without Helm. `cargo xtask check` fails while they are not what the chart says.

use crate::{
    build::cargo,
    chart::{self, Chart, Release},
    process, workspace,
};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// The oldest version that is supported.
pub(crate) const OLDEST_KUBERNETES: &str = "v1.28.0";

/// The oldest one with a field for AppArmor's profile, which earlier servers refuse. These read an annotation, which later servers are to
/// pass over one day (KEP-24): so no file is for all.
const OLDEST_WITH_APP_ARMOR: &str = "v1.30.0";

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
    let install = || json!({});
    let uninstall = || json!({"uninstall": true});
    [
        (
            "deploy/enforcer.yaml",
            OLDEST_WITH_APP_ARMOR,
            "For Kubernetes 1.30 and later; docs/install.md says what this installs.",
            install(),
        ),
        (
            "deploy/enforcer-uninstall.yaml",
            OLDEST_WITH_APP_ARMOR,
            "The first step of removing what enforcer.yaml installs: see docs/install.md.",
            uninstall(),
        ),
        (
            "deploy/enforcer-1.28.yaml",
            OLDEST_KUBERNETES,
            "For Kubernetes 1.28 and 1.29; docs/install.md says what this installs.",
            install(),
        ),
        (
            "deploy/enforcer-1.28-uninstall.yaml",
            OLDEST_KUBERNETES,
            "The first step of removing what enforcer-1.28.yaml installs: see docs/install.md.",
            uninstall(),
        ),
    ]
    .into_iter()
    .map(|(file, kubernetes, purpose, values)| {
        Ok(Manifest { file, text: rendered(&chart, kubernetes, purpose, values)? })
    })
    .collect()
}

/// In kube-system, which every cluster has and where pods may be as this one is.
fn rendered(chart: &Chart, kubernetes: &str, purpose: &str, values: Value) -> Result<String> {
    let objects = chart.render(&Release { namespace: "kube-system", kubernetes, values })?;
    Ok(format!("# Made by `cargo xtask manifests` from {}: change that. {purpose}\n{objects}", chart::FOLDER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::ensure;

    /// The rest is the same: whoever upgrades from one to the other changes nothing else.
    #[test]
    fn manifests_for_old_servers_differ_in_the_app_armor_profile_alone() -> Result<()> {
        let all = generated(&workspace::root()?)?;
        let objects = |wanted: &str| {
            let found = all.iter().find(|manifest| manifest.file == wanted);
            let lines = found.into_iter().flat_map(|manifest| manifest.text.lines().skip(1));
            let (profile, rest): (Vec<_>, Vec<_>) = lines.partition(|line| {
                line.contains("container.apparmor.security.beta.kubernetes.io/")
                    || ["appArmorProfile:", "type: Unconfined"].contains(&line.trim())
            });
            let is_field = profile.iter().all(|line| !line.contains("beta"));
            let is_annotation = profile.iter().all(|line| line.contains("beta"));
            (rest, !profile.is_empty() && is_field, !profile.is_empty() && is_annotation)
        };
        for (new, old) in [
            ("deploy/enforcer.yaml", "deploy/enforcer-1.28.yaml"),
            ("deploy/enforcer-uninstall.yaml", "deploy/enforcer-1.28-uninstall.yaml"),
        ] {
            let (of_new, is_field, _) = objects(new);
            let (of_old, _, is_annotation) = objects(old);
            ensure!(is_field, "{new}: no field, or an annotation");
            ensure!(is_annotation, "{old}: no annotation, or a field");
            ensure!(of_new == of_old, "{new} and {old} differ in more");
        }
        Ok(())
    }
}
