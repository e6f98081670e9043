//! Level 6: the demo, from end to end.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    env, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use enforcer_tests::{agent::binary, poll};

/// One demo at a time: a demo removes what others left, and the clean-up test wants to see its own.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn demo(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_enforcer-demo"));
    command.arg("--no-color").args(arguments).env("ENFORCER_BIN", binary()?).stdin(Stdio::null());
    Ok(command)
}

fn agrees(output: &Output) -> Result<()> {
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}");
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {errors}", output.status);
    ensure!(text.contains("agrees with the oracle"), "it does not say so");
    Ok(())
}

#[test]
fn the_shop_is_enforced_as_the_oracle_says() -> Result<()> {
    let _alone = alone();
    agrees(&demo(&[])?.output()?)
}

/// A misspelt field: the policy is not in force, and all the others are.
#[test]
fn a_refused_manifest_is_no_success() -> Result<()> {
    let _alone = alone();
    let folder = tempfile::tempdir()?;
    let shop = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/examples/shop");
    for entry in fs::read_dir(shop)? {
        let entry = entry?;
        fs::copy(entry.path(), folder.path().join(entry.file_name()))?;
    }
    let wrong = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
                 metadata: {name: wrong, namespace: shop}\nspec: {podSelector: {}, ingres: []}\n";
    fs::write(folder.path().join("wrong.yaml"), wrong)?;
    let manifests = folder.path().to_str().context("a path in UTF-8")?;
    let output = demo(&["--family", "4", "--manifests", manifests])?.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}");
    ensure!(!output.status.success(), "it succeeds");
    for part in ["NetworkPolicy shop/wrong", "agrees with the oracle", "Refused, and not in force: 1 of"] {
        ensure!(text.contains(part), "it does not say {part:?}");
    }
    Ok(())
}

/// Google's Online Boutique, where the machine has it.
#[test]
fn the_boutique_is_enforced_as_the_oracle_says() -> Result<()> {
    let Some(data) = env::var_os("ENFORCER_TEST_DATA").map(PathBuf::from) else {
        println!("skipped: ENFORCER_TEST_DATA is not set");
        return Ok(());
    };
    let folder = data.join("online-boutique");
    ensure!(folder.is_dir(), "there is no {}", folder.display());
    let _alone = alone();
    agrees(&demo(&["--manifests", folder.to_str().context("a path in UTF-8")?])?.output()?)
}

#[test]
fn what_a_killed_demo_leaves_the_next_one_removes() -> Result<()> {
    let _alone = alone();
    let mut killed = demo(&["--family", "4"])?.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let prefix = format!("enf-{}.", killed.id());
    let started = poll::until(Duration::from_secs(60), "the demo starts an enforcer", || {
        let inside = processes(&prefix).ok()?;
        (inside.len() == 1).then_some(inside)
    });
    killed.kill()?;
    killed.wait()?;
    let enforcer = started?;
    ensure!(
        !namespaces(&prefix)?.is_empty() && processes(&prefix)? == enforcer,
        "nothing was left to remove"
    );

    agrees(&demo(&["--family", "4"])?.output()?)?;
    ensure!(namespaces(&prefix)?.is_empty(), "namespaces are left");
    ensure!(
        enforcer.iter().all(|pid| !Path::new(&format!("/proc/{pid}/exe")).exists()),
        "the enforcer still runs"
    );
    let folders = fs::read_dir("/run/enforcer-lab")?.filter_map(|entry| entry.ok());
    let left =
        folders.filter(|entry| format!("enf-{}", entry.file_name().to_string_lossy()).starts_with(&prefix));
    ensure!(left.count() == 0, "files are left");
    Ok(())
}

fn namespaces(prefix: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/run/netns")? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Processes inside a lab's namespaces: the enforcer, once it runs.
fn processes(prefix: &str) -> Result<BTreeSet<u32>> {
    let inside: BTreeSet<u64> =
        namespaces(prefix)?.iter().filter_map(|path| fs::metadata(path).ok()).map(|it| it.ino()).collect();
    let mut found = BTreeSet::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(pid) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
        let is_enforcer =
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "enforcer");
        let namespace = fs::metadata(format!("/proc/{pid}/ns/net")).map(|it| it.ino());
        if is_enforcer && namespace.is_ok_and(|inode| inside.contains(&inode)) {
            found.insert(pid);
        }
    }
    Ok(found)
}
