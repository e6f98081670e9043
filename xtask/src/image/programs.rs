//! The image's programs: the agent, and the CNI plugin, which the agent copies to the node.
//!
//! Each is built as its own documentation has it: the plugin without the agent's libraries, since each start of a pod runs it.
//!
//! The folders of the machine that builds are named in neither. In the eBPF object, which is a part of the agent, they are: LLVM puts the
//! lines of the source into BTF, where the verifier's log takes them from, and finds the files under their real names only. So the same
//! source gives the same bytes where it lies in the same folder, and the plugin's everywhere.

use crate::{artifact, build, toolchain, workspace};
use anyhow::{Context as _, Result, ensure};
use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// The package of both.
const PACKAGE: &str = "enforcer";
/// The agent, which containers start.
pub(super) const AGENT: &str = "enforcer";
/// The plugin, which the agent looks for beside itself.
const PLUGIN: &str = "enforcer-cni";

/// Builds them for the machine that this one is; returns where each is, by name.
pub(super) fn build() -> Result<BTreeMap<String, PathBuf>> {
    ensure!(cfg!(all(target_os = "linux", target_env = "gnu")), "images are made on Linux with glibc only");
    println!("Building for the image (the first time takes some minutes)");
    let mut found = BTreeMap::new();
    for (name, options) in [
        (AGENT, ["--profile", "image"].as_slice()),
        (PLUGIN, &["--profile", "plugin", "--no-default-features", "--features", "cni"]),
    ] {
        let mut all = artifact::executables(&mut cargo(name, options)?)?;
        let path = all.remove(name).with_context(|| format!("cargo built no {name}"))?;
        found.insert(name.to_owned(), path);
    }
    Ok(found)
}

fn cargo(program: &str, options: &[&str]) -> Result<Command> {
    let target = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    let mut cargo = build::cargo()?;
    cargo.args(["build", "--locked", "--target", &target, "--package", PACKAGE, "--bin", program]);
    cargo.args(options);
    let cargo_home = toolchain::cargo_home().context("there is no home folder, and no CARGO_HOME")?;
    let flags = flags(&workspace::root()?, &cargo_home)?;
    // Encoded, since a folder's name may have a space.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    Ok(cargo)
}

/// Linked statically, and the builder's folders under names that every builder has.
fn flags(source: &Path, cargo_home: &Path) -> Result<Vec<String>> {
    let mut flags = vec!["-Ctarget-feature=+crt-static".to_owned()];
    // Of several that fit, rustc takes the last.
    for (folder, name) in [(cargo_home, "/cargo"), (source, "/source")] {
        let folder = folder.to_str().with_context(|| format!("{} is not UTF-8", folder.display()))?;
        flags.push(format!("--remap-path-prefix={folder}={name}"));
    }
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_folder_of_the_builder_is_named() -> Result<()> {
        let flags = flags(Path::new("/home/a b/enforcer"), Path::new("/home/a b/.cargo"))?;
        assert_eq!(
            flags,
            [
                "-Ctarget-feature=+crt-static",
                "--remap-path-prefix=/home/a b/.cargo=/cargo",
                "--remap-path-prefix=/home/a b/enforcer=/source",
            ]
        );
        Ok(())
    }
}
