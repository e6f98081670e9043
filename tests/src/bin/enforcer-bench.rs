//! Measures the packet programs, alone and beside others.

use std::process::ExitCode;

use clap::Parser;
use enforcer_tests::bench::{self, Conclusion, Options};

fn main() -> ExitCode {
    match bench::run(&Options::parse()) {
        Ok(Conclusion::Done) => ExitCode::SUCCESS,
        Ok(Conclusion::Insane | Conclusion::Regressed) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("enforcer-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
