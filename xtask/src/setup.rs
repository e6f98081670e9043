//! `cargo xtask setup`: what the build, the demo and the tests need.
//!
//! Each step looks first and says so when there is nothing to do. A first pass only collects what would be
//! done. When that cannot be done here (no root, no apt), all of it is printed, and nothing is half done.

mod apt;
mod bpffs;
mod commands;
mod compiler;
mod linker;
mod programs;

use anyhow::{Result, bail};
use commands::Commands;

/// How much is needed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Build the agent: also where nothing can be mounted or run, such as in the making of an image.
    Compile,
    /// Also run it and the demo.
    Build,
    /// Also what benchmarks beside others use.
    Bench,
    /// Also what only the checks use.
    Test,
    /// Also what fuzzing uses.
    Fuzz,
    /// Also what makes mutants.
    Mutants,
    /// Also what runs virtual machines.
    Vm,
}

/// Does what is missing, or prints it and fails.
pub(crate) fn run(purpose: Purpose) -> Result<()> {
    println!("Set-up");
    let mut plan = Commands::collecting();
    steps(&mut plan, purpose)?;
    if !plan.is_empty() && !plan.possible() {
        plan.print();
        bail!("set-up is not complete: run the commands above, then the same command again");
    }
    steps(&mut Commands::running(), purpose)
}

fn steps(commands: &mut Commands, purpose: Purpose) -> Result<()> {
    let is_run = purpose != Purpose::Compile;
    if is_run {
        programs::needed(commands)?;
    }
    let compiler = compiler::choose(commands)?;
    linker::install(commands, &compiler)?;
    if purpose == Purpose::Test {
        compiler::clippy(commands, &compiler)?;
    }
    if is_run {
        bpffs::mount(commands)?;
    }
    match purpose {
        Purpose::Compile | Purpose::Build => {}
        Purpose::Bench => programs::benchmarks(commands)?,
        Purpose::Test => {
            programs::checks(commands)?;
            programs::benchmarks(commands)?;
        }
        Purpose::Fuzz => programs::fuzzing(commands)?,
        Purpose::Mutants => programs::mutants(commands)?,
        Purpose::Vm => programs::machines(commands)?,
    }
    Ok(())
}
