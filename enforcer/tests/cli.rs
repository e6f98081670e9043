//! What the command line refuses before anything is loaded, as anybody: no test here needs root.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// What a run says that must not start, of a folder with these folders and no other entries.
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

/// Without any endpoint it would run, and enforce nothing.
#[test]
fn an_endpoints_file_that_cannot_be_read_as_a_whole_is_refused() {
    let cases = [
        ("endpoints:\n- pod: shop/cart-0\n  interface: [", "/endpoints.yaml:3: is not YAML: "),
        ("just text", "/endpoints.yaml:1: is not a mapping with the field endpoints"),
        ("\nendpoint: []", "/endpoints.yaml:2: endpoint: unknown field; the form is `endpoints: [{pod: "),
        ("apiVersion: v1\nkind: Pod", "/endpoints.yaml:1: is a Kubernetes manifest, "),
    ];
    for (text, message) in cases {
        let said = refusal(&["manifests"], |folder| {
            fs::write(folder.join("endpoints.yaml"), text).unwrap();
            [option("--manifests", folder, "manifests"), option("--endpoints", folder, "endpoints.yaml")]
                .concat()
        });
        assert!(said.contains("--endpoints: /") && said.contains(message), "{said}");
    }
}

/// What a verb says that must fail.
fn failure(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_enforcer"));
    for variable in ["KUBECONFIG", "KUBERNETES_SERVICE_HOST", "NODE_NAME"] {
        command.env_remove(variable);
    }
    let output = command.args(arguments).env("NO_COLOR", "1").output().unwrap();
    assert!(!output.status.success(), "it did not fail");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn an_agent_must_know_its_node() {
    let said = failure(&["agent", "--api-server", "http://127.0.0.1:1"]);
    assert!(said.contains("Give --node-name or NODE_NAME"), "{said}");
}

#[test]
fn status_without_an_agent_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("no.sock").display().to_string();
    let said = failure(&["status", "--status-socket", &socket]);
    assert!(said.contains(&format!("no agent answers at {socket}: No such file")), "{said}");
}

#[test]
fn the_charts_definitions_of_our_kinds_are_the_agents() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_enforcer"));
    let status = command.args(["crds", "--directory"]).arg(folder.path()).status().unwrap();
    assert!(status.success());
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/charts/enforcer/crds");
    let names = |folder: &Path| -> BTreeSet<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let wanted = names(folder.path());
    assert!(!wanted.is_empty());
    assert_eq!(names(&chart), wanted, "cargo xtask manifests");
    for name in wanted {
        let [there, wanted] =
            [&chart, folder.path()].map(|folder| fs::read_to_string(folder.join(&name)).unwrap());
        assert!(there == wanted, "{name} is stale: cargo xtask manifests");
    }
}
