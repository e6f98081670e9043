//! Level 6: the demo itself, on the shop and on whatever other application there is to try.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context as _, Result, ensure};
use enforcer_tests::agent::binary;

fn demo(manifests: &Path) -> Result<Output> {
    Command::new(env!("CARGO_BIN_EXE_enforcer-demo"))
        .env("ENFORCER_BIN", binary()?)
        .arg("--no-color")
        .arg("--manifests")
        .arg(manifests)
        .output()
        .context("the demo does not start")
}

fn agrees(manifests: &Path) -> Result<()> {
    let output = demo(manifests)?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success() && text.contains("The kernel agrees with the oracle in all"),
        "{}: {}\n{text}\n{}",
        manifests.display(),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

#[test]
fn the_kernel_agrees_with_the_oracle_on_the_shop() -> Result<()> {
    agrees(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/examples/shop"))
}

/// Real manifests of others, where the machine has them: their place is in `ENFORCER_TEST_DATA`.
#[test]
fn the_kernel_agrees_with_the_oracle_on_further_manifests() -> Result<()> {
    let Some(data) = std::env::var_os("ENFORCER_TEST_DATA") else {
        println!("ENFORCER_TEST_DATA is not set: there are no further manifests");
        return Ok(());
    };
    agrees(&PathBuf::from(data).join("online-boutique"))
}
