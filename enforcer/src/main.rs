//! The node agent.

use std::{io::IsTerminal as _, process::ExitCode};

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = enforcer::cli::Cli::parse();
    let asked = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|asked| EnvFilter::try_new(asked).is_ok());
    let asked = asked.unwrap_or_else(|| "info,kernel=debug".to_owned());
    // What fails on the way to the API server is said once, by the agent; the client says it at every attempt.
    let filter = if asked.contains("kube_client") { asked } else { format!("{asked},kube_client=off") };
    let filter = EnvFilter::new(filter);
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .with_target(false)
        .init();
    match cli.execute() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
