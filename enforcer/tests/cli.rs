//! What the command line refuses before anything is loaded, as anybody: no test here needs root.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{fs, path::Path, process::Command};

/// What a run says that must not start, of a folder with these entries and no others.
fn refusal(there: &[&str], arguments: impl Fn(&Path) -> Vec<String>) -> String {
    let folder = tempfile::tempdir().unwrap();
    for name in there {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let output = Command::new(env!("CARGO_BIN_EXE_enforcer"))
        .arg("run")
        .args(arguments(folder.path()))
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(!output.status.success(), "it started");
    String::from_utf8(output.stderr).unwrap()
}

/// An option with a path below a folder.
fn option(name: &str, folder: &Path, below: &str) -> [String; 2] {
    [name.to_owned(), folder.join(below).display().to_string()]
}

#[test]
fn a_manifest_folder_that_is_not_there_is_named() {
    let said = refusal(&[], |folder| option("--manifests", folder, "misspelt").to_vec());
    assert!(said.contains("--manifests /") && said.contains("/misspelt: No such file"), "{said}");
}

#[test]
fn an_endpoints_file_that_is_not_there_is_named() {
    for name in ["--endpoints", "--netns"] {
        let said = refusal(&["manifests"], |folder| {
            [option("--manifests", folder, "manifests"), option(name, folder, "misspelt")].concat()
        });
        assert!(said.contains(&format!("{name} /")) && said.contains("/misspelt: No such file"), "{said}");
    }
}
