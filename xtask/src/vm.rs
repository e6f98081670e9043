//! `cargo xtask vm`: a test level or any static program on another kernel, in a virtual machine that has neither disk nor
//! network: a kernel, and an initramfs with our programs in it.
//!
//! The programs are linked statically, so the initramfs needs no system around them. Its first process
//! (`tests/src/vm`) reports over a serial line of its own.

mod accelerator;
mod apt;
mod console;
mod cpio;
mod debian;
mod initramfs;
mod kernel;
mod machine;
mod module;
mod program;
#[path = "../../tests/src/vm/report.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the machine's first process, which writes reports, uses the rest"
)]
mod report;
mod session;
mod tool;
mod workload;

use crate::{setup, workspace};
use anyhow::{Context as _, Result};
use std::{ffi::OsString, fs, path::PathBuf, process::ExitCode, time::Duration};

/// On which kernel, in what machine, and what.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// 5.10, 6.1, 6.12 or 7.2 (Debian's, fetched as a package), or the path of a bzImage
    #[arg(long, value_name = "VERSION|PATH", value_parser = kernel::parse)]
    kernel: kernel::Kernel,
    /// With a bzImage: where its modules were installed (INSTALL_MOD_PATH); without, all must be built in
    #[arg(long, value_name = "DIR")]
    modules: Option<PathBuf>,
    /// Memory, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 2048, value_parser = clap::value_parser!(u32).range(256..))]
    memory: u32,
    /// Processors
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    cpus: u32,
    /// Minutes after which the machine is ended
    #[arg(long, value_name = "MIN", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// Where the files go that the command leaves in its results folder (default: below target/vm/results)
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
    /// What runs the machine (default: KVM where it works)
    #[arg(long, value_enum)]
    accel: Option<accelerator::Accelerator>,
    /// More words for the kernel's command line
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    append: Option<String>,
    /// Fetch Debian's newest kernel of that version, whatever is there
    #[arg(long)]
    update: bool,
    /// `test`, `prove` or `run`; `cargo xtask vm --kernel 6.1 -- help` explains them
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs the command in a machine; its exit status is ours.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    // First what needs no time: a misspelt command shall not cost a download.
    let load = match workload::parse(&arguments.command)? {
        workload::Answer::Load(load) => load,
        workload::Answer::Help(text) => {
            print!("{text}");
            return Ok(ExitCode::SUCCESS);
        }
    };
    setup::run(setup::Purpose::Vm)?;
    let folder = workspace::target_dir()?.join("vm");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let kernel = arguments.kernel.find(&folder, arguments.modules.as_deref(), arguments.update)?;
    println!("Kernel {}", kernel.name);
    let programs = program::build(&load.programs)?;
    let initrd = initramfs::write(&folder, &kernel, &programs, &load)?;
    let results = match &arguments.results {
        Some(results) => results.clone(),
        None => folder.join("results").join(&kernel.name),
    };
    let machine = machine::Machine {
        kernel: &kernel.image,
        initrd: &initrd,
        memory: arguments.memory,
        cpus: arguments.cpus,
        append: arguments.append.as_deref(),
        console: folder.join(format!("{}.console", kernel.name)),
    };
    let limit = Duration::from_secs(arguments.timeout * 60);
    let status = session::run(&machine, &folder, arguments.accel, limit, &load, &results)?;
    Ok(ExitCode::from(u8::try_from(status).unwrap_or(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Parser as _, error::ErrorKind};

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn what_comes_after_the_dashes_is_the_machines_command() -> Result<()> {
        let words = "vm --kernel 5.10 --memory 512 -- test --level 5 -- --exact a_name";
        let line = Line::try_parse_from(words.split(' '))?.arguments;
        assert_eq!(line.memory, 512);
        assert_eq!(line.command, ["test", "--level", "5", "--", "--exact", "a_name"].map(OsString::from));
        for (words, kind) in [
            ("vm -- test", ErrorKind::MissingRequiredArgument),
            ("vm --kernel 5.10", ErrorKind::MissingRequiredArgument),
            ("vm --kernel 5.11 -- test", ErrorKind::ValueValidation),
            ("vm --kernel 5.10 --cpus 0 -- test", ErrorKind::ValueValidation),
            ("vm --kernel 5.10 test", ErrorKind::UnknownArgument),
        ] {
            let answer = Line::try_parse_from(words.split(' '));
            assert_eq!(answer.err().map(|error| error.kind()), Some(kind), "{words}");
        }
        Ok(())
    }
}
