//! The project's own commands. One file per verb; what they share has a noun for a name.
//!
//! Invariant: this crate does not depend on `enforcer`, whose build script needs the set-up that is done here.

mod artifact;
mod bench;
mod build;
mod chart;
mod check;
mod demo;
mod fuzz;
#[path = "../../tests/src/given.rs"]
#[allow(unreachable_pub, reason = "the programs of `tests` share it")]
mod given;
mod image;
mod manifests;
mod mutants;
mod process;
mod program;
mod prove;
#[path = "../../enforcer/src/quantity.rs"]
#[allow(unreachable_pub, reason = "the agent shares it")]
mod quantity;
mod setup;
mod summary;
mod test;
#[path = "../../enforcer/build/toolchain.rs"]
mod toolchain;
mod vm;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Install what the build and the demo need (`test` adds what only it uses); a second run only looks
    Setup,
    /// Set up, then build the agent and the demo as a release
    Build,
    /// Set up, build, and show policies being enforced between network namespaces
    Demo(demo::Options),
    /// Set up, then everything that CI checks
    Test(test::Arguments),
    /// Set up, build, and prove on generated cases that oracle, host and kernel judge alike
    Prove(prove::Options),
    /// Set up, build, and measure what the programs cost, beside floors and rivals
    Bench(bench::Options),
    /// Set up, and fuzz the parser, the decision and the manifests
    Fuzz(fuzz::Arguments),
    /// Set up, and see that the tests notice each change of what a verdict is made of
    Mutants(mutants::Arguments),
    /// Run tests or other programs on another kernel, in a virtual machine
    Vm(vm::Arguments),
    /// Set up, build, and write the container image as an archive, without a daemon
    Image(image::Arguments),
    /// Write the plain manifests, `deploy/enforcer*.yaml`, from the Helm chart
    Manifests,
    /// Check the structure: who may use what, dependencies, links, names
    Check,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().verb {
        Verb::Setup => setup::run(setup::Purpose::Build),
        Verb::Build => setup::run(setup::Purpose::Build).and_then(|()| build::run()),
        Verb::Demo(_) => demo::run(),
        Verb::Test(arguments) => test::run(&arguments),
        Verb::Prove(options) => prove::run(&options),
        Verb::Bench(options) => bench::run(&options),
        Verb::Fuzz(arguments) => fuzz::run(&arguments),
        Verb::Mutants(arguments) => mutants::run(&arguments),
        Verb::Vm(arguments) => match vm::run(&arguments) {
            Ok(status) => return status,
            Err(error) => Err(error),
        },
        Verb::Image(arguments) => image::run(&arguments),
        Verb::Manifests => manifests::run(),
        Verb::Check => check::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory as _, error::ErrorKind};

    /// Parsing ends there: nothing is set up, built or run.
    #[test]
    fn a_path_that_is_not_there_is_told_before_anything_is_done() {
        for words in
            [["demo", "--manifests", "/nope"], ["prove", "--replay", "/nope"], ["prove", "--replay", "/"]]
        {
            let answer = Arguments::try_parse_from(["xtask"].iter().chain(&words));
            let error = answer.err().map(|error| (error.kind(), error.to_string()));
            assert!(
                matches!(&error, Some((ErrorKind::ValueValidation, text))
                    if text.contains(&format!("'{}'", words[2])) && text.contains(words[1])),
                "{words:?}: {error:?}"
            );
        }
        assert!(Arguments::try_parse_from(["xtask", "demo"]).is_ok());
    }

    /// Parsing ends there: nothing is set up, built or run.
    #[test]
    fn every_verb_explains_itself_and_refuses_a_misspelt_option_before_it_does_anything() {
        let verbs: Vec<String> =
            Arguments::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
        assert!(verbs.iter().any(|verb| verb == "demo") && verbs.iter().any(|verb| verb == "prove"));
        for verb in verbs {
            for (word, kind) in [
                ("--help", ErrorKind::DisplayHelp),
                ("-h", ErrorKind::DisplayHelp),
                ("--hepl", ErrorKind::UnknownArgument),
            ] {
                let answer = Arguments::try_parse_from(["xtask", &verb, word]);
                assert_eq!(answer.err().map(|error| error.kind()), Some(kind), "{verb} {word}");
            }
        }
    }
}
