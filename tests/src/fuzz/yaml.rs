//! A file of manifests.

use std::{cell::OnceCell, fs};

use enforcer::{
    compile::compile,
    plan::{MapImage, plan},
    source::{Effect, Problem, Severity, manifest::Folder},
    store::Cluster,
};
use tempfile::TempDir;

use crate::compare::endpoints;

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

/// Plays an input: the bytes of a file.
///
/// # Panics
/// When a problem does not say where it is, or what is accepted cannot be planned.
pub fn yaml(data: &[u8]) {
    let file = FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir().expect("a folder for one file"));
        folder.path().join("input.yaml")
    });
    fs::write(&file, data).expect("the file can be written");
    // A carriage return ends a line too, and does so by itself.
    let breaks = data.iter().enumerate().filter(|(at, byte)| match byte {
        b'\n' => true,
        b'\r' => data.get(at + 1) != Some(&b'\n'),
        _ => false,
    });
    let lines = 1 + breaks.count() as u64;

    let mut folder = Folder::new(&file);
    let reading = folder.read();
    for problem in &reading.problems {
        assert!(problem.file == file, "{problem}");
        is_clear(problem, lines);
    }
    // What is not in force has an error, and perhaps warnings beside it.
    for problem in reading.problems.iter().filter(|problem| problem.effect != Effect::Enforced) {
        let is_why = |other: &Problem| other.severity == Severity::Error && other.object == problem.object;
        assert!(reading.problems.iter().any(is_why), "{:?}", reading.problems);
    }

    let mut cluster = Cluster::default();
    for event in reading.events {
        cluster.apply(event);
    }
    // What the same text says does not change.
    let again = folder.read();
    assert!(again.events.is_empty(), "{:?}", again.events);
    assert_eq!(again.problems, reading.problems);

    let compiled = compile(&cluster, &endpoints(&cluster, 1));
    // An error names what does not fit; anything else would have panicked.
    if let Ok(planned) = plan(&MapImage::default(), &compiled) {
        let next = plan(&planned.image, &compiled).expect("what fits once fits again");
        assert_eq!(next.image.tables, planned.image.tables, "planning the same again changes the tables");
    }
}

/// Somebody who reads it finds the place.
fn is_clear(problem: &Problem, lines: u64) {
    let Problem { line, object, field, message, .. } = problem;
    assert!(!message.trim().is_empty() && !message.contains("crashed"), "{problem}");
    assert!(line.is_none_or(|line| (1..=lines).contains(&line)), "{problem}: the file has {lines} lines");
    // The file as a whole can only be unreadable as text.
    let whole = message.contains("UTF-8");
    assert!(whole || line.is_some() || object.is_some() || field.is_some(), "{problem}: where?");
    assert!(!problem.to_string().contains('\u{1b}'), "{problem:?}: control characters reach the terminal");
}
