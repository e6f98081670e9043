//! A Rust compiler with the source of `core`, and an LLVM that a linker can be had for.
//!
//! First what is there. Then Debian's packages: small, and its LLVM comes along. Then a nightly from rustup,
//! whose LLVM may be newer than any that the machine's packages have.

use super::{
    apt,
    commands::{Action, Commands},
    linker,
};
use crate::{
    toolchain::{self, Toolchain, on_path, version},
    workspace::{self, OLDEST_RUST},
};
use anyhow::{Context as _, Result, bail};
use std::{fs, path::Path};

/// Debian's packages of the newest Rust, kept up to date also in stable releases since browsers need it.
const PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
const PURPOSE: &str = "Rust with the library's source, for the eBPF object";
const CLIPPY_PACKAGE: &str = "rust-web-clippy";

/// The compiler that will build the object.
pub(crate) enum Compiler {
    /// It is here.
    Here(Toolchain),
    /// It comes with Debian's packages, with this LLVM.
    Packaged(u32),
    /// It comes with a command that has been collected, and with an LLVM that only the compiler itself can tell.
    Coming {
        /// How it is then called.
        rustc: &'static str,
        /// Does it come with Debian's packages?
        packaged: bool,
    },
}

impl Compiler {
    fn is_packaged(&self) -> bool {
        match self {
            Self::Here(toolchain) => toolchain.sysroot == Path::new("/usr"),
            Self::Packaged(_) => true,
            Self::Coming { packaged, .. } => *packaged,
        }
    }
}

/// Finds or installs one.
pub(crate) fn choose(commands: &mut Commands) -> Result<Compiler> {
    if let Some(toolchain) = usable() {
        commands.there(&format!(
            "Rust {} with the library's source, {}",
            toolchain.release,
            toolchain.sysroot.display()
        ));
        return Ok(Compiler::Here(toolchain));
    }
    let mut offered = packaged();
    // Lists may be old. Only root can have new ones at once; where there are any, others go by them.
    let wants_lists = offered.is_none() && on_path("apt-get").is_some();
    if wants_lists && (workspace::is_root() || !apt::has_lists()) {
        if apt::update(commands)? {
            if let Some(toolchain) = usable() {
                return Ok(Compiler::Here(toolchain));
            }
            offered = packaged();
        } else if is_debian() && !apt::is_installed("rustup") {
            commands.run(PURPOSE, apt::installation(&PACKAGES))?;
            return Ok(Compiler::Coming { rustc: "/usr/bin/rustc", packaged: true });
        }
    }
    if let Some(llvm) = offered {
        apt::install(commands, PURPOSE, &PACKAGES)?;
        return Ok(Compiler::Packaged(llvm));
    }
    if on_path("rustup").is_none() {
        bail!(linker::by_hand());
    }
    let words =
        ["rustup", "toolchain", "install", "nightly", "--profile", "minimal", "--component", "rust-src"];
    let ran = commands
        .run("Rust nightly with the library's source, for the eBPF object", Action::new(&words))
        .with_context(linker::by_hand)?;
    if !ran {
        return Ok(Compiler::Coming { rustc: "rustup run nightly rustc", packaged: false });
    }
    usable().map(Compiler::Here).with_context(linker::by_hand)
}

/// Debian has the packages, in its stable releases too.
fn is_debian() -> bool {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    text.lines().any(|line| line == "ID=debian")
}

/// Clippy for the object. Rustup's toolchains have theirs or do without; Debian's is one more package.
pub(crate) fn clippy(commands: &mut Commands, compiler: &Compiler) -> Result<()> {
    if !compiler.is_packaged() || Path::new("/usr/bin/cargo-clippy").is_file() {
        return Ok(());
    }
    // Not worth a failure: the compiler's own warnings are denied then.
    if matches!(compiler, Compiler::Coming { .. }) {
        commands.run("Clippy for the eBPF object", apt::installation(&[CLIPPY_PACKAGE]))?;
    } else if apt::candidate(CLIPPY_PACKAGE).is_some() {
        apt::install(commands, "Clippy for the eBPF object", &[CLIPPY_PACKAGE])?;
    }
    Ok(())
}

fn usable() -> Option<Toolchain> {
    toolchain::toolchains(OLDEST_RUST).into_iter().find(|toolchain| linker::possible(toolchain.llvm))
}

/// The LLVM of the compiler that apt offers, if it is new enough and its LLVM can be had.
fn packaged() -> Option<u32> {
    // Debian's own packages of rustup and of Rust exclude each other. (A rustup of one's own does no harm.)
    if apt::is_installed("rustup") {
        return None;
    }
    let offered = apt::candidate("rustc-web")?;
    let llvm = apt::llvm_of("rustc-web")?;
    (version(&offered) >= version(OLDEST_RUST) && linker::possible(llvm)).then_some(llvm)
}
