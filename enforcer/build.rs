//! Compiles the eBPF object, which the agent embeds, to `OUT_DIR/enforcer`; for benchmarks also `OUT_DIR/bench`
//! and `OUT_DIR/generator`.

#[path = "build/object.rs"]
mod object;
#[path = "build/toolchain.rs"]
#[allow(dead_code, reason = "`xtask`, which includes the file as well, uses the rest")]
mod toolchain;

use std::{
    env,
    path::{Path, PathBuf},
};

/// A finished object to embed instead of building one.
const FINISHED: &str = "ENFORCER_EBPF_OBJECT";

fn main() {
    // Cargo fails the build for the sentence alone; an exit status would bury it under a dump of our output.
    if let Err(sentence) = run() {
        println!("cargo::error={sentence}");
    }
}

fn run() -> Result<(), String> {
    // The core alone embeds nothing.
    if env::var_os("CARGO_FEATURE_AGENT").is_none() {
        return Ok(());
    }
    let variable = |name: &str| env::var(name).map_err(|error| format!("{name}: {error}"));
    let oldest = variable("CARGO_PKG_RUST_VERSION")?;
    let out_dir = PathBuf::from(variable("OUT_DIR")?);
    let own = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let workspace = own.parent().ok_or("the package has no parent folder")?;

    let mut names = vec![object::PROGRAMS];
    if env::var_os("CARGO_FEATURE_BENCH").is_some() {
        names.extend(object::BENCHMARKS);
    }

    // Who builds the agent many times and the object once (fuzzing, mutants, packagers) brings it.
    println!("cargo::rerun-if-env-changed={FINISHED}");
    if let Some(object) = env::var_os(FINISHED).map(PathBuf::from) {
        rerun_if_changed(&own.join("build.rs"));
        for name in &names {
            // Whoever brings the programs for a benchmark has the others beside them.
            let object = if *name == object::PROGRAMS { object.clone() } else { object.with_file_name(name) };
            rerun_if_changed(&object);
            object::adopt(&object, &out_dir, name)?;
        }
        return Ok(());
    }

    let (toolchain, linker) = toolchain::find(&oldest)
        .map_err(|missing| format!("{missing}: run `cargo xtask setup` once, then build again"))?;
    rerun_if_changed(&own.join("build.rs"));
    rerun_if_changed(&own.join("build"));
    for part in ["enforcer-ebpf", "enforcer-common", "Cargo.toml", "Cargo.lock"] {
        rerun_if_changed(&workspace.join(part));
    }
    rerun_if_changed(&toolchain.sysroot.join("bin/rustc"));
    rerun_if_changed(&linker.path);

    match object::build(&toolchain, &linker, &names, &out_dir) {
        Ok(warnings) => {
            for line in warnings.lines().filter(|line| !line.is_empty()) {
                println!("cargo::warning={line}");
            }
            Ok(())
        }
        Err(object::Failure::Io(what, error)) => Err(format!("{what}: {error}")),
        Err(object::Failure::Compile(messages)) => {
            for line in messages.lines().filter(|line| !line.is_empty()) {
                println!("cargo::error={line}");
            }
            Err(format!("{} does not compile", object::PACKAGE))
        }
    }
}

fn rerun_if_changed(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}
