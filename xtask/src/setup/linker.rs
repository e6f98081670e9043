//! `bpf-linker`, built for the LLVM of the compiler.

use super::{
    apt,
    commands::{Action, Commands},
    compiler::Compiler,
};
use crate::toolchain::{self, on_path};
use anyhow::{Result, bail};
use std::{fmt::Display, ops::RangeInclusive, path::Path};

const VERSION: &str = "0.13.0";

/// The LLVMs that this version can be built with, each by the feature `llvm-<major>`.
const LLVMS: RangeInclusive<u32> = 21..=23;

/// Is there, or can there be, a linker for this LLVM?
pub(crate) fn possible(llvm: u32) -> bool {
    installed(llvm)
        || (LLVMS.contains(&llvm) && (has_library(llvm) || apt::candidate(&package(llvm)).is_some()))
}

/// Builds it for this compiler unless there is one that serves.
pub(crate) fn install(commands: &mut Commands, compiler: &Compiler) -> Result<()> {
    let llvm = match compiler {
        Compiler::Here(toolchain) => toolchain.llvm,
        Compiler::Packaged(llvm) => *llvm,
        Compiler::Coming { rustc, .. } => return install_after(commands, rustc),
    };
    if installed(llvm) {
        commands.there(&format!("bpf-linker for LLVM {llvm}"));
        return Ok(());
    }
    if !LLVMS.contains(&llvm) {
        bail!("bpf-linker {VERSION} knows the LLVMs {LLVMS:?}, the compiler has {llvm}");
    }
    if has_library(llvm) {
        commands.there(&format!("LLVM {llvm}"));
    } else {
        apt::install(commands, &format!("LLVM {llvm} for bpf-linker"), &[&package(llvm)])?;
    }
    commands.run(&format!("bpf-linker {VERSION} for LLVM {llvm} (about two minutes)"), build(llvm))?;
    Ok(())
}

/// The lines to type once the compiler is there, which tells its LLVM.
fn install_after(commands: &mut Commands, rustc: &str) -> Result<()> {
    if toolchain::linker().is_some_and(|linker| linker.llvm.is_none()) {
        return Ok(());
    }
    if on_path("apt-get").is_none() {
        commands.run(
            "A builder of bpf-linker",
            Action::new(&["cargo", "install", "cargo-binstall", "--locked"]),
        )?;
        let linker = format!("bpf-linker@{VERSION}");
        commands.run("bpf-linker with an LLVM of its own", Action::new(&["cargo", "binstall", &linker]))?;
        return Ok(());
    }
    commands.run(
        "The compiler's LLVM",
        Action::shell(format!("llvm=$({rustc} -vV | sed -n 's/^LLVM version: \\([0-9]*\\).*/\\1/p')")),
    )?;
    commands.run("LLVM for bpf-linker", apt::installation(&[&package("$llvm")]).typed())?;
    commands.run("bpf-linker", build("$llvm").typed())?;
    Ok(())
}

/// The command that builds it for the LLVM of this number.
fn build(llvm: impl Display) -> Action {
    let prefix = prefix(&llvm);
    let feature = format!("llvm-{llvm}");
    let words = ["cargo", "install", "bpf-linker", "--version", VERSION, "--locked", "--force"];
    let words =
        words.into_iter().chain(["--no-default-features", "--features", &feature]).collect::<Vec<_>>();
    Action::new(&words).env("LLVM_PREFIX", &prefix).env("RUSTFLAGS", &format!("-L {prefix}/lib"))
}

/// What to do by hand when no way leads to a linker.
pub(crate) fn by_hand() -> String {
    format!(
        "no Rust compiler with its library's source and an LLVM that bpf-linker can be built for; by hand: \
         `rustup toolchain install nightly --profile minimal --component rust-src`, then a prebuilt linker by \
         `cargo install cargo-binstall --locked && cargo binstall bpf-linker@{VERSION}`, then `cargo xtask setup` again"
    )
}

fn installed(llvm: u32) -> bool {
    toolchain::linker().is_some_and(|linker| linker.serves(llvm))
}

fn has_library(llvm: u32) -> bool {
    Path::new(&prefix(llvm)).join("bin/llvm-config").is_file()
}

fn prefix(llvm: impl Display) -> String {
    format!("/usr/lib/llvm-{llvm}")
}

fn package(llvm: impl Display) -> String {
    format!("llvm-{llvm}-dev")
}
