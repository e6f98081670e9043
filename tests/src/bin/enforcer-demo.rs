//! Shows on this machine what the network policies of an application do.

use std::{io, process::ExitCode};

use clap::Parser;
use enforcer_tests::{
    demo::{self, Conclusion, Options},
    lab,
};

fn main() -> ExitCode {
    let options = Options::parse();
    let conclusion = lab::clean_up_on_signals().and_then(|()| demo::run(&options));
    match conclusion {
        Ok(Conclusion::Agreement) => ExitCode::SUCCESS,
        Ok(Conclusion::Difference | Conclusion::Refused) => ExitCode::FAILURE,
        // Whoever read the output has enough of it.
        Err(error) if is_broken_pipe(&error) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("enforcer-demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
