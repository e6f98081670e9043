//! The command line: one file per verb.

mod agent;
mod chained;
mod cni;
mod crds;
mod node;
mod run;
mod status;

use std::future::Future;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

/// eBPF network policy enforcer for Kubernetes: the node agent.
#[derive(Debug, Parser)]
#[command(version, about, long_about = None)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Agent(Box<agent::Agent>),
    Cni(cni::Cni),
    Crds(crds::Crds),
    Run(Box<run::Run>),
    Status(status::Status),
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// With a message for people.
    pub fn execute(self) -> anyhow::Result<()> {
        match self.verb {
            Verb::Agent(agent) => agent.execute(),
            Verb::Cni(cni) => cni.execute(),
            Verb::Crds(crds) => crds.execute(),
            Verb::Run(run) => run.execute(),
            Verb::Status(status) => status.execute(),
        }
    }
}

/// Runs on one thread: there is one writer of the kernel's tables.
fn block_on<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    Ok(runtime.block_on(future))
}
