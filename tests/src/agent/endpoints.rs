//! The file that tells the enforcer where pods are.

use std::{fmt::Write, fs, path::Path};

use anyhow::{Context, Result};

use crate::lab::Pod;

/// Lists these pods, each with one more line of YAML if it is not empty.
pub fn write_endpoints<'a>(path: &Path, pods: impl IntoIterator<Item = (&'a Pod, &'a str)>) -> Result<()> {
    let mut text = String::from("endpoints:\n");
    for (pod, setting) in pods {
        let addresses: Vec<String> = pod.addresses().iter().map(|address| format!("\"{address}\"")).collect();
        writeln!(text, "- pod: {}\n  interface: {}", pod.name(), pod.interface())?;
        writeln!(text, "  addresses: [{}]", addresses.join(", "))?;
        if !setting.is_empty() {
            writeln!(text, "  {setting}")?;
        }
    }
    replace(path, &text)
}

/// Writes a file in one step, so that nobody reads half of it.
pub fn replace(path: &Path, text: &str) -> Result<()> {
    // Not in the same folder: what watches that would see it.
    let folder = path.parent().context("a file is in a folder")?;
    let whole = folder.with_extension("next");
    fs::write(&whole, text).with_context(|| format!("cannot write {}", whole.display()))?;
    fs::rename(&whole, path).with_context(|| format!("cannot replace {}", path.display()))
}
