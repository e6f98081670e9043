//! The command line: one file per verb.

mod cni;
mod run;

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
    Cni(cni::Cni),
    Run(run::Run),
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// With a message for people.
    pub fn execute(self) -> anyhow::Result<()> {
        match self.verb {
            Verb::Cni(cni) => cni.execute(),
            Verb::Run(run) => run.execute(),
        }
    }
}
