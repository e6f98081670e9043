//! `bpf-linker`, built for the LLVM of the compiler.

use super::{
    apt,
    commands::{Action, Commands},
};
use crate::toolchain;
use anyhow::{Result, bail};
use std::{ops::RangeInclusive, path::Path};

const VERSION: &str = "0.13.0";

/// The LLVMs that this version can be built with, each by the feature `llvm-<major>`.
const LLVMS: RangeInclusive<u32> = 21..=23;

/// Is there, or can there be, a linker for this LLVM?
pub(crate) fn possible(llvm: u32) -> bool {
    installed(llvm)
        || (LLVMS.contains(&llvm) && (has_library(llvm) || apt::candidate(&package(llvm)).is_some()))
}

/// Builds it unless there is one that serves.
pub(crate) fn install(commands: &mut Commands, llvm: u32) -> Result<()> {
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
    let prefix = prefix(llvm);
    let feature = format!("llvm-{llvm}");
    let words = ["cargo", "install", "bpf-linker", "--version", VERSION, "--locked", "--force"];
    let words =
        words.into_iter().chain(["--no-default-features", "--features", &feature]).collect::<Vec<_>>();
    let action =
        Action::new(&words).env("LLVM_PREFIX", &prefix).env("RUSTFLAGS", &format!("-L {prefix}/lib"));
    commands.run(&format!("bpf-linker {VERSION} for LLVM {llvm} (about two minutes)"), action)?;
    Ok(())
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

fn prefix(llvm: u32) -> String {
    format!("/usr/lib/llvm-{llvm}")
}

fn package(llvm: u32) -> String {
    format!("llvm-{llvm}-dev")
}
