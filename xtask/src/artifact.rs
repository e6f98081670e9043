//! What cargo builds, where another verb needs the files.

use crate::process;
use anyhow::{Context as _, Result, ensure};
use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
};

/// Makes programs that need no libraries at run time. Cargo is to be given a `--target`, so that the flags are not those of build
/// scripts and macros.
pub(crate) fn link_statically(cargo: &mut Command) {
    cargo.env("RUSTFLAGS", "-C target-feature=+crt-static");
}

/// Runs cargo, whose progress is seen; what it built, from its messages.
pub(crate) fn executables(cargo: &mut Command) -> Result<BTreeMap<String, PathBuf>> {
    cargo.arg("--message-format=json-render-diagnostics");
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let mut found = BTreeMap::new();
    let output = child.stdout.take().context("cargo has no output")?;
    for line in BufReader::new(output).lines() {
        found.extend(executable(&line?));
    }
    ensure!(child.wait()?.success(), "{} failed", process::shown(cargo));
    Ok(found)
}

/// The program of one message of cargo.
fn executable(message: &str) -> Option<(String, PathBuf)> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let path = message.get("executable")?.as_str()?;
    let name = message.get("target")?.get("name")?.as_str()?;
    Some((name.to_owned(), PathBuf::from(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_among_cargos_messages() {
        let message = r#"{"reason":"compiler-artifact","target":{"kind":["test"],"name":"kernel_x"},"executable":"/t/kernel_x-1"}"#;
        assert_eq!(executable(message), Some(("kernel_x".to_owned(), PathBuf::from("/t/kernel_x-1"))));
        assert_eq!(executable(r#"{"target":{"name":"anyhow"},"executable":null}"#), None);
        assert_eq!(executable("running 1 test"), None);
    }
}
