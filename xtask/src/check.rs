//! `cargo xtask check`: the shape of the workspace, as DESIGN and README promise it.
//!
//! Rules read text, not types: they see what a reader sees, need no build, and take no time. Each rule has a test
//! that it finds what it is there for. The chart alone is rendered, since what is made from it is checked in.

mod cited;
mod deploy;
mod links;
mod manifests;
mod names;
mod paths;
mod source;
mod violation;
mod waived;

use crate::{quantity::quantity, workspace};
use anyhow::{Context as _, Result, bail};
use source::Source;
use std::{fs, path::Path};
use violation::Severity;

/// Checks every file of the repository, and prints what is wrong as `file:line: rule: reason`.
pub(crate) fn run() -> Result<()> {
    let root = workspace::root()?;
    let mut files = Vec::new();
    collect(&root, "", &mut files)?;
    let mut found = Vec::new();
    for file in &files {
        found.extend(names::check(file));
        match file.rsplit('.').next() {
            Some("rs") => {
                let text = read(&root, file)?;
                let source = Source::parse(file, &text);
                found.extend(paths::check(&source));
                found.extend(waived::check(&source));
                found.extend(names::size(file, &text));
            }
            Some("toml") if file.ends_with("Cargo.toml") => {
                found.extend(manifests::check(file, &read(&root, file)?))
            }
            Some("md") => {
                let text = read(&root, file)?;
                found.extend(links::check(&root, file, &text));
                found.extend(cited::check(&root, file, &text));
            }
            _ => {}
        }
    }
    found.extend(deploy::check(&root));
    found.sort();
    for violation in &found {
        println!("{violation}");
    }
    let errors = found.iter().filter(|violation| violation.severity == Severity::Error).count();
    let warnings = found.len() - errors;
    println!(
        "{}: {}, {}",
        quantity(files.len(), "file"),
        quantity(errors, "violation"),
        quantity(warnings, "warning")
    );
    if errors > 0 {
        bail!("the structure is not as it should be");
    }
    Ok(())
}

fn read(root: &Path, file: &str) -> Result<String> {
    fs::read_to_string(root.join(file)).with_context(|| format!("cannot read {file}"))
}

/// The files that a repository would hold, without asking git: it checks an unpacked archive just as well.
fn collect(root: &Path, folder: &str, files: &mut Vec<String>) -> Result<()> {
    let place = root.join(folder);
    for entry in fs::read_dir(&place).with_context(|| format!("cannot read {}", place.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let kind = entry.file_type()?;
        if kind.is_file() {
            files.push(path);
        } else if kind.is_dir() && !name.starts_with('.') && !entry.path().join("CACHEDIR.TAG").exists() {
            collect(root, &path, files)?;
        }
    }
    files.sort();
    Ok(())
}
