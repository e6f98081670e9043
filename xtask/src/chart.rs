//! Renders the Helm chart of `deploy` without Helm: the plain manifests come from the chart, and one source stays one source.
//!
//! The templates are Go's (`gtmpl`), with those of Helm's functions that the chart uses, each as Helm documents it. What differs between
//! `gtmpl` and Go is kept out of the chart: `range … else`, `range` over a map (Go sorts), and variables that a block declares.

mod function;
mod order;
mod template;
mod value;
mod values;
mod yaml;

#[cfg(test)]
mod objects;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where the chart is, from the repository's root.
pub(crate) const FOLDER: &str = "deploy/charts/enforcer";

/// What one `helm template` would be told.
pub(crate) struct Release<'a> {
    /// The namespace that everything is installed into.
    pub(crate) namespace: &'a str,
    /// The API server's version, `v1.28.0`.
    pub(crate) kubernetes: &'a str,
    /// Values over the chart's own.
    pub(crate) values: Value,
}

/// A chart as its folder has it.
pub(crate) struct Chart {
    metadata: Value,
    values: Value,
    /// Files that only define templates: `_*.tpl`.
    helpers: Vec<File>,
    templates: Vec<File>,
    /// Not templates: Helm installs them first and as they are.
    crds: Vec<File>,
}

/// A file of the chart.
struct File {
    /// From the chart's folder.
    path: String,
    text: String,
}

impl Chart {
    /// Reads the repository's chart.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let chart = root.join(FOLDER);
        let yaml = |name: &str| -> Result<Value> {
            let text = fs::read_to_string(chart.join(name)).with_context(|| format!("{FOLDER}/{name}"))?;
            serde_saphyr::from_str(&text).with_context(|| format!("{FOLDER}/{name}"))
        };
        let (helpers, templates) =
            files(&chart, "templates")?.into_iter().partition(|file| file.path.ends_with(".tpl"));
        let crds = files(&chart, "crds")?;
        Ok(Self { metadata: yaml("Chart.yaml")?, values: yaml("values.yaml")?, helpers, templates, crds })
    }

    /// The version of the agent that the chart installs.
    #[cfg(test)]
    fn app_version(&self) -> Option<&str> {
        self.metadata.get("appVersion")?.as_str()
    }

    /// What `helm template --include-crds` prints: every object, headed by its file's name. Notes are for people, and no part of it.
    pub(crate) fn render(&self, release: &Release<'_>) -> Result<String> {
        let dot = self.dot(release);
        let mut crds = Vec::new();
        for File { path, text } in self.crds.iter().filter(is_manifest) {
            crds.extend(order::documents(text).into_iter().map(|document| (path, document)));
        }
        let mut objects = Vec::new();
        for File { path, text } in self.templates.iter().filter(is_manifest) {
            let text = self.evaluated(path, text, &dot)?;
            objects.extend(order::documents(&text).into_iter().map(|document| (path, document)));
        }
        objects.sort_by_key(|(_, document)| order::rank(document));
        let shown = |(path, document)| format!("---\n# Source: enforcer/{path}\n{document}");
        Ok(crds.into_iter().chain(objects).map(shown).collect())
    }

    /// What Helm tells people at the end.
    #[cfg(test)]
    fn notes(&self, release: &Release<'_>) -> Result<String> {
        let notes = self.templates.iter().find(|file| file.path.ends_with("NOTES.txt"));
        let File { path, text } = notes.context("the chart has no notes")?;
        self.evaluated(path, text, &self.dot(release))
    }

    fn evaluated(&self, path: &str, text: &str, dot: &Value) -> Result<String> {
        let helpers: Vec<&str> = self.helpers.iter().map(|file| file.text.as_str()).collect();
        let text = template::render(&helpers, text, dot).with_context(|| format!("{FOLDER}/{path}"))?;
        ensure!(!text.contains("<no value>"), "{FOLDER}/{path} uses a value that is not there");
        Ok(text)
    }

    /// What the templates see: Helm's built-in objects, those of them that the chart uses.
    fn dot(&self, release: &Release<'_>) -> Value {
        let values = values::merged(&self.values, &release.values);
        let field = |name: &str| self.metadata.get(name).cloned().unwrap_or_default();
        json!({
            "Values": values,
            "Release": {"Name": "enforcer", "Namespace": release.namespace, "Service": "Helm"},
            "Chart": {"Name": field("name"), "Version": field("version"), "AppVersion": field("appVersion")},
            "Capabilities": {"KubeVersion": {"Version": release.kubernetes}},
        })
    }
}

/// Notes and the like are none.
fn is_manifest(file: &&File) -> bool {
    file.path.ends_with(".yaml")
}

/// The files of one of the chart's folders, which need not be there, by name.
fn files(chart: &Path, folder: &str) -> Result<Vec<File>> {
    let place = chart.join(folder);
    if !place.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(&place).with_context(|| format!("cannot read {}", place.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(File { path: format!("{folder}/{name}"), text })
    };
    paths.into_iter().filter(|path| path.is_file()).map(read).collect()
}
