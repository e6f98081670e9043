//! Which compiler and which linker make the eBPF object.
//!
//! The build script and `cargo xtask` must agree on this, and `xtask` must not depend on `enforcer` (whose
//! build script needs the set-up that `xtask` does), so both include this file. It therefore has no
//! dependencies, and it asks the file system instead of rustup: a compiler is a folder with `bin/rustc`
//! and the library's source. So Debian's compiler in `/usr` serves without being linked into rustup.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What the object is compiled for.
pub(crate) const TARGET: &str = "bpfel-unknown-none";

/// A Rust compiler that can build `core` for a target that has no prebuilt one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Toolchain {
    /// The folder that holds `bin/rustc`.
    pub(crate) sysroot: PathBuf,
    /// Such as `1.97.0-nightly`.
    pub(crate) release: String,
    /// The major version of the LLVM whose bitcode it writes.
    pub(crate) llvm: u32,
}

/// A `bpf-linker`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Linker {
    /// The program.
    pub(crate) path: PathBuf,
    /// The major version of the LLVM library that it loads; `None` when LLVM is linked into it.
    pub(crate) llvm: Option<u32>,
}

/// The compiler and the linker to use; else what is missing, as the subject of a sentence.
pub(crate) fn find(oldest: &str) -> Result<(Toolchain, Linker), String> {
    let toolchains = toolchains(oldest);
    let Some(linker) = linker() else {
        return Err("`bpf-linker` is not installed".to_owned());
    };
    let found = toolchains.into_iter().find(|toolchain| linker.serves(toolchain.llvm));
    found.map(|toolchain| (toolchain, linker.clone())).ok_or_else(|| match linker.llvm {
        Some(llvm) => {
            format!("no Rust compiler from {oldest} on with its library's source and `bpf-linker`'s LLVM {llvm} is installed")
        }
        None => format!("no Rust compiler from {oldest} on with its library's source is installed"),
    })
}

/// Every compiler here that is at least `oldest` and has the library's source: nightlies first, since they
/// need no leave to use `-Z build-std`.
pub(crate) fn toolchains(oldest: &str) -> Vec<Toolchain> {
    let mut sysroots: Vec<PathBuf> = rustup_home()
        .and_then(|home| fs::read_dir(home.join("toolchains")).ok())
        .into_iter()
        .flatten()
        .filter_map(|entry| fs::canonicalize(entry.ok()?.path()).ok())
        .collect();
    sysroots.push(PathBuf::from("/usr"));
    sysroots.sort();
    sysroots.dedup();
    let mut found: Vec<Toolchain> = sysroots
        .into_iter()
        .filter_map(Toolchain::at)
        .filter(|toolchain| version(&toolchain.release) >= version(oldest))
        .collect();
    found.sort_by_key(|toolchain| !toolchain.is_nightly());
    found
}

/// The `bpf-linker` that is found first on `PATH`, or where `cargo install` puts it.
pub(crate) fn linker() -> Option<Linker> {
    let path = on_path("bpf-linker")?;
    let llvm = fs::read(&path).ok().and_then(|program| library_major(&program));
    Some(Linker { path, llvm })
}

/// Where a program is: on `PATH`, in cargo's folder, or in those for administrators, which a user's `PATH`
/// may lack.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let more = cargo_home().map(|home| home.join("bin")).into_iter();
    env::split_paths(&path)
        .chain(more)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

impl Linker {
    /// LLVM promises to read the bitcode of its own major version only in the direction old to new, and
    /// `bpf-linker` asks for the same one.
    pub(crate) fn serves(&self, llvm: u32) -> bool {
        self.llvm.is_none_or(|own| own == llvm)
    }
}

impl Toolchain {
    /// The compiler in a folder, if it is one and has the source of `core`.
    pub(crate) fn at(sysroot: PathBuf) -> Option<Self> {
        if !sysroot.join("lib/rustlib/src/rust/library/core/Cargo.toml").is_file() {
            return None;
        }
        let output = clean(Command::new(sysroot.join("bin/rustc"))).arg("-vV").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        let llvm = value("LLVM version:")?.split('.').next()?.parse().ok()?;
        Some(Self { release: value("release:")?.to_owned(), llvm, sysroot })
    }

    /// May it use `-Z` options without asking?
    pub(crate) fn is_nightly(&self) -> bool {
        self.release.contains("-nightly") || self.release.contains("-dev")
    }

    /// A program of this toolchain (`cargo`, `cargo-clippy`), with an environment in which it finds its own
    /// compiler and the given linker, whatever cargo or rustup set for the one that started us.
    pub(crate) fn program(&self, name: &str, linker: &Linker) -> Command {
        let bin = self.sysroot.join("bin");
        let mut command = clean(Command::new(bin.join(name)));
        let old = env::var_os("PATH").unwrap_or_default();
        let first = [Some(bin.as_path()), linker.path.parent()].into_iter().flatten().map(Path::to_path_buf);
        if let Ok(path) = env::join_paths(first.chain(env::split_paths(&old))) {
            command.env("PATH", path);
        }
        command.env("CARGO", bin.join("cargo")).env("RUSTC", bin.join("rustc"));
        if !self.is_nightly() {
            // In the environment of this one command: set anywhere else it would also let the crates
            // of the agent's own build use unstable features.
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        // The flags: which `pt_regs` aya-ebpf compiles for, and BTF, which the kernel wants of maps' types.
        let arch = match env::consts::ARCH {
            "riscv32" | "riscv64" => "riscv64",
            other => other,
        };
        let linker = linker.path.display();
        let flags = [
            format!("--cfg=bpf_target_arch=\"{arch}\""),
            "-Cdebuginfo=2".to_owned(),
            "-Clink-arg=--btf".to_owned(),
            // With 32-bit arithmetic, which every kernel has that loads the object (5.10 on).
            "-Ctarget-cpu=v3".to_owned(),
            format!("-Clinker={linker}"),
        ];
        command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
        command
    }
}

/// The options of every build of the object.
pub(crate) fn options(package: &str, target_dir: &Path) -> Vec<String> {
    let dir = target_dir.display().to_string();
    let fixed =
        ["--release", "-Z", "build-std=core", "--target", TARGET, "--package", package, "--target-dir"];
    fixed.map(str::to_owned).into_iter().chain([dir]).collect()
}

fn clean(mut command: Command) -> Command {
    for name in [
        "CARGO_ENCODED_RUSTFLAGS",
        // It would cut the object into other units, which the verifier walks at another cost.
        "CARGO_INCREMENTAL",
        "CARGO_MAKEFLAGS",
        "CARGO_TARGET_DIR",
        "LD_LIBRARY_PATH",
        "MAKEFLAGS",
        "RUSTC",
        "RUSTC_BOOTSTRAP",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
        "RUSTDOC",
        "RUSTDOCFLAGS",
        "RUSTFLAGS",
        "RUSTUP_TOOLCHAIN",
    ] {
        command.env_remove(name);
    }
    command
}

/// The version in the name of the shared library that a program loads: `libLLVM.so.22.1`, `libLLVM-19.so`.
fn library_major(program: &[u8]) -> Option<u32> {
    [b"libLLVM.so.".as_slice(), b"libLLVM-"].iter().find_map(|prefix| {
        program.windows(prefix.len()).enumerate().filter(|(_, window)| window == prefix).find_map(
            |(at, _)| {
                let rest = program.get(at.checked_add(prefix.len())?..)?;
                let digits: String = rest
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit())
                    .map(|byte| char::from(*byte))
                    .collect();
                digits.parse().ok()
            },
        )
    })
}

/// `1.95`, `1.96.0`, `1.97.0-nightly` as numbers.
pub(crate) fn version(text: &str) -> (u32, u32) {
    let mut parts = text.split(['.', '-', '+']).map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

fn rustup_home() -> Option<PathBuf> {
    env::var_os("RUSTUP_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".rustup")))
}

/// Where `cargo install` puts programs, with `bin` below.
pub(crate) fn cargo_home() -> Option<PathBuf> {
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")))
}

#[cfg(test)]
mod tests {
    use super::{library_major, version};

    #[test]
    fn the_linkers_llvm_is_read_from_its_library() {
        assert_eq!(library_major(b"\0libz.so.1\0libLLVM.so.22.1\0"), Some(22));
        assert_eq!(library_major(b"\0libLLVM-19.so\0"), Some(19));
        assert_eq!(library_major(b"\0libLLVM-C\0libLLVM.so.\0"), None);
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(version("1.100.0-nightly") > version("1.95"));
        assert!(version("1.85.0+dfsg3-1~deb12u3") < version("1.95"));
        assert_eq!(version("1.95.0"), version("1.95"));
    }
}
