//! The eBPF object, compiled by a cargo of its own.
//!
//! Not by `aya-build`: it learns of `RUSTC_BOOTSTRAP` only from this process's environment, which edition 2024
//! changes by `unsafe` alone; it builds once more for each profile of the agent; and it turns each
//! "Compiling …" into a warning.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use crate::toolchain::{self, Linker, Toolchain};

/// The package.
pub(crate) const PACKAGE: &str = "enforcer-ebpf";

/// Its objects: the packet programs, and for benchmarks what they are measured against, and a source of packets.
pub(crate) const PROGRAMS: &str = "enforcer";
pub(crate) const BENCHMARKS: [&str; 2] = ["bench", "generator"];

/// What went wrong.
pub(crate) enum Failure {
    /// cargo could not be started, or its result not be copied.
    Io(String, io::Error),
    /// The compiler's messages.
    Compile(String),
}

/// Compiles objects and copies them to `out_dir`. Returns the compiler's warnings.
pub(crate) fn build(
    toolchain: &Toolchain,
    linker: &Linker,
    names: &[&str],
    out_dir: &Path,
) -> Result<String, Failure> {
    let target_dir = target_dir(out_dir);
    let mut cargo = toolchain.program("cargo", linker);
    cargo.args(["build", "--quiet"]).args(names.iter().flat_map(|name| ["--bin", *name]));
    cargo.args(toolchain::options(PACKAGE, &target_dir));
    let output = cargo.output().map_err(|error| Failure::Io(format!("cannot run {cargo:?}"), error))?;
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(Failure::Compile(messages));
    }
    for name in names {
        let object = target_dir.join(toolchain::TARGET).join("release").join(name);
        let copy = out_dir.join(name);
        fs::copy(&object, &copy).map_err(|error| {
            Failure::Io(format!("cannot copy {} to {}", object.display(), copy.display()), error)
        })?;
    }
    Ok(messages)
}

/// Copies a finished object to `out_dir`.
pub(crate) fn adopt(object: &Path, out_dir: &Path, name: &str) -> Result<(), String> {
    fs::copy(object, out_dir.join(name))
        .map(drop)
        .map_err(|error| format!("cannot copy {}: {error}", object.display()))
}

/// A folder that debug, release and `--target` builds of the agent share, since the object is the same for all of them
/// and its first build takes a minute or more: `target/ebpf` for `target/debug/build/enforcer-<hash>/out`. Not
/// cargo's own folder, whose lock the cargo that started us holds.
fn target_dir(out_dir: &Path) -> PathBuf {
    let build = out_dir.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "build"));
    let target = build.and_then(Path::parent).and_then(Path::parent);
    // With `--target` there is one folder more, named after it.
    let named = |folder: &&Path| folder.file_name() == env::var_os("TARGET").as_deref();
    let target = target.filter(named).and_then(Path::parent).or(target);
    target.unwrap_or(out_dir).join("ebpf")
}
