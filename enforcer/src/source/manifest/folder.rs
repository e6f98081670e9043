//! A manifest folder, read and re-read.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    decode::decode,
    document::parse_documents,
    files::{FileError, ManifestFile, read_files},
    ledger::{Definition, Found, Ledger, Remark, Unreadable},
    object::{Identified, ManifestKey, ManifestKind, identify},
    tree::Tree,
};
use crate::{
    model::ClusterEvent,
    source::{
        Problem, Severity,
        convert::{Field, Findings},
    },
};

/// A folder of manifests, with the memory of what was good in it.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    ledger: Ledger,
    is_listed: bool,
}

/// What one reading gave.
#[derive(Debug, Default)]
pub struct Reading {
    /// What changed. The first reading of a folder that exists is a `Reset`; before it, and when nothing changed, empty.
    pub events: Vec<ClusterEvent>,
    /// All that is wrong now, in a fixed order.
    pub problems: Vec<Problem>,
    /// What was found.
    pub counts: Counts,
    /// Whether the folder could be listed. If not, a problem says why, and nothing is known of the problems before.
    pub is_listed: bool,
}

/// What a reading found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Files read.
    pub files: usize,
    /// Documents in them, without empty ones.
    pub documents: usize,
    /// Good definitions by kind.
    pub objects: BTreeMap<&'static str, usize>,
    /// Objects of other kinds, by `apiVersion/kind`.
    pub skipped: BTreeMap<String, usize>,
}

impl Folder {
    /// A folder; nothing is read yet. (A path of a single file is read as a folder with this file.)
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), ledger: Ledger::default(), is_listed: false }
    }

    /// The folder's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads all of it and tells what changed since the last time.
    pub fn read(&mut self) -> Reading {
        let mut found = Found::default();
        let mut counts = Counts::default();
        let mut is_listed = true;
        for ManifestFile { path, text } in read_files(&self.path) {
            match text {
                Ok(text) => {
                    counts.files += 1;
                    read_text(&path, &text, &mut found, &mut counts);
                }
                Err(error) => {
                    is_listed &= !matches!(error, FileError::Root(_));
                    let remark = Remark::error(None, None, error.to_string());
                    found.unreadable.push(Unreadable { path, object: None, remark });
                }
            }
        }
        self.is_listed |= is_listed;
        for (kind, count) in &counts.skipped {
            tracing::debug!(kind, count, "no business of ours, skipped");
        }
        let (events, problems) = self.ledger.fold(found, self.is_listed);
        Reading { events, problems, counts, is_listed }
    }
}

fn read_text(path: &Path, text: &str, found: &mut Found, counts: &mut Counts) {
    for document in parse_documents(text) {
        counts.documents += 1;
        match document {
            Ok(tree) => {
                for identified in identify(&tree) {
                    read_object(path, identified, found, counts);
                }
            }
            Err(error) => found.unreadable.push(Unreadable {
                path: path.to_owned(),
                object: None,
                remark: Remark::error(Some(error.line), None, format!("is not YAML: {}", error.message)),
            }),
        }
    }
}

fn read_object(path: &Path, identified: Identified<'_>, found: &mut Found, counts: &mut Counts) {
    let file = path.to_owned();
    match identified {
        Identified::Skipped(name) => *counts.skipped.entry(name).or_default() += 1,
        Identified::Broken { object, line, field, message } => {
            let remark = Remark::error(Some(line), field.map(str::to_owned), message);
            found.unreadable.push(Unreadable { path: file, object, remark });
        }
        Identified::Read { kind, key: Some(key), tree } => {
            let definition = define(file, kind, key, tree);
            if definition.objects.is_some() {
                *counts.objects.entry(kind.name()).or_default() += 1;
            }
            found.definitions.push(definition);
        }
        Identified::Read { kind, key: None, tree } => {
            let mut findings = Findings::default();
            decode(kind, tree, &mut findings);
            for mut remark in remarks(tree, &findings) {
                remark.message = format!("of an unnamed {}: {}", kind.name(), remark.message);
                found.unreadable.push(Unreadable { path: file.clone(), object: None, remark });
            }
        }
    }
}

fn define(file: PathBuf, kind: ManifestKind, key: ManifestKey, tree: &Tree) -> Definition {
    let mut findings = Findings::default();
    let objects = decode(kind, tree, &mut findings);
    Definition { file, line: tree.line, key, objects, remarks: remarks(tree, &findings) }
}

fn remarks(tree: &Tree, findings: &Findings) -> Vec<Remark> {
    findings
        .iter()
        .map(|finding| Remark {
            line: Some(tree.line_of(&finding.field)),
            field: (finding.field != Field::default()).then(|| finding.field.to_string()),
            message: finding.fault.to_string(),
            severity: finding.fault.severity(),
        })
        .collect()
}

impl Remark {
    fn error(line: Option<u64>, field: Option<String>, message: String) -> Self {
        Self { line, field, message, severity: Severity::Error }
    }
}
