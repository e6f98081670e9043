//! Proves on generated cases that oracle, host and kernel judge alike.

use std::process::ExitCode;

use clap::Parser;
use enforcer_tests::prove::{self, Conclusion, Options};

fn main() -> ExitCode {
    match prove::run(&Options::parse()) {
        Ok(Conclusion::Proved) => ExitCode::SUCCESS,
        Ok(Conclusion::Refuted) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("enforcer-prove: {error:#}");
            ExitCode::FAILURE
        }
    }
}
