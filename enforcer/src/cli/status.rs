//! `enforcer status`: how this node's agent is.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use crate::agent::health::{STATUS_SOCKET, ask};

/// Say how this node's agent is: since when the API server is away, what is in force, which pods are enforced.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// The agent's socket.
    #[arg(long, value_name = "PATH", default_value = STATUS_SOCKET)]
    status_socket: PathBuf,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Output {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

impl Status {
    pub(super) fn execute(self) -> anyhow::Result<()> {
        let report = ask(&self.status_socket)
            .with_context(|| format!("no agent answers at {}", self.status_socket.display()))?;
        match self.output {
            Output::Text => print!("{report}"),
            Output::Json => println!("{}", serde_json::to_string_pretty(&report)?),
        }
        Ok(())
    }
}
