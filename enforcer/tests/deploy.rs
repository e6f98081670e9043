//! What the manifests of `deploy` start is what the command line takes: a flag that is misspelt, or is no more, would keep the agents of a whole
//! cluster from starting.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;

use clap::Parser as _;
use enforcer::cli::Cli;
use serde_json::Value;

/// The command lines of a manifest's containers, each with its container's name.
fn commands(file: &str) -> Vec<(String, Vec<String>)> {
    let path = format!("{}/../deploy/{file}", env!("CARGO_MANIFEST_DIR"));
    let objects: Vec<Value> = serde_saphyr::from_multiple(&fs::read_to_string(path).unwrap()).unwrap();
    let mut found = Vec::new();
    for kind in ["initContainers", "containers"] {
        let lists =
            objects.iter().filter_map(|object| object.pointer(&format!("/spec/template/spec/{kind}")));
        for container in lists.flat_map(|list| list.as_array().unwrap()) {
            assert_eq!(container.get("command"), None, "the image's own program is meant");
            let words = container.get("args").unwrap().as_array().unwrap();
            let words = words.iter().map(|word| word.as_str().unwrap().to_owned()).collect();
            found.push((container.get("name").unwrap().as_str().unwrap().to_owned(), words));
        }
    }
    found
}

fn accepted(file: &str, containers: &[&str]) {
    let commands = commands(file);
    assert_eq!(commands.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), containers, "{file}");
    for (name, words) in commands {
        let words = ["enforcer".to_owned()].into_iter().chain(words);
        if let Err(error) = Cli::try_parse_from(words) {
            panic!("{file}: {name}: {error}");
        }
    }
}

#[test]
fn the_agent_takes_what_the_manifests_tell_it() {
    for file in ["enforcer.yaml", "enforcer-1.28.yaml"] {
        accepted(file, &["agent"]);
    }
}

#[test]
fn so_do_what_takes_the_plugin_out_and_the_agent_after_it() {
    for file in ["enforcer-uninstall.yaml", "enforcer-1.28-uninstall.yaml"] {
        accepted(file, &["take-plugin-out", "agent"]);
    }
}
