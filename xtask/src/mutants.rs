//! `cargo xtask mutants`: cargo-mutants on everything that a verdict is made of.
//!
//! A mutant is the code with one thing changed: an operator, a constant, a function's result. Each must make a
//! test on the host fail: one of what a verdict means, or a unit test of the code itself. The mutants that nothing can
//! catch stand, each with the reason why, in `tests/mutants.toml`. Any other survivor is a failure.

mod outcome;
mod survivor;

use crate::{build::cargo, process, quantity::quantity, setup, workspace};
use anyhow::{Context as _, Result, bail};
use outcome::Outcome;
use std::{
    ffi::OsString,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use survivor::{known, missed};

/// Everything that a verdict is made of.
const PLACES: [&str; 4] = [
    "enforcer-common/src/decide/**/*.rs",
    "enforcer-common/src/packet/**/*.rs",
    "enforcer/src/compile/**/*.rs",
    "enforcer/src/plan/**/*.rs",
];

/// Some of the tests that must notice.
struct Round {
    packages: &'static [&'static str],
    targets: &'static [&'static str],
    /// How far the code is optimised.
    level: u8,
}

/// Cheap ones first, since each round meets only what those before it missed: what a verdict means, by tests that take no
/// time; the units beside the code; and what a verdict means, by generated clusters and packets. To build is what a
/// mutant costs in the first two, to run in the last: so only that one is optimised.
const ROUNDS: [Round; 3] = [
    Round { packages: &["enforcer-tests"], targets: &["--test", "mutants_quick"], level: 0 },
    Round { packages: &["enforcer", "enforcer-common"], targets: &["--lib"], level: 0 },
    Round { packages: &["enforcer-tests"], targets: &["--test", "mutants_thorough"], level: 1 },
];
/// How tests are built: of the core alone, and without debug information, since nobody looks.
const BUILD: [&str; 3] = ["--no-default-features", "--config", "profile.test.debug=0"];
/// That a case fails is enough; nobody reads the smallest one.
const NO_SHRINKING: (&str, &str) = ("PROPTEST_MAX_SHRINK_ITERS", "0");
/// A mutant whose tests take so many times as long as those of the code as it is runs for ever, and counts as caught.
const LIMIT: u32 = 10;
/// … if that is not a short time: a busy machine is no mutant that runs for ever.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is after `mutants` goes to cargo-mutants as it is.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only mutants of files that match; may be repeated
    #[arg(long, value_name = "GLOB")]
    file: Vec<String>,
    /// Only mutants whose names match this regular expression; may be repeated
    #[arg(long, value_name = "REGEX")]
    re: Vec<String>,
    /// One of N equal parts, from 0
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
    /// Do not change anything, only list the mutants
    #[arg(long)]
    list: bool,
    /// Further arguments of cargo-mutants
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

/// Runs the campaign and judges the survivors.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    setup::run(setup::Purpose::Mutants)?;
    let output = workspace::target_dir()?.join("mutants");
    fs::create_dir_all(&output).with_context(|| format!("cannot make {}", output.display()))?;
    let list = list(arguments)?;
    if arguments.list {
        print!("{list}");
        return Ok(());
    }
    let mut outcome: Option<Outcome> = None;
    for round in &ROUNDS {
        let missed = outcome.as_ref().map(|before| &before.missed[..]);
        if missed.is_some_and(<[String]>::is_empty) {
            break;
        }
        let found = round.run(&mut command(arguments, missed)?, &output)?;
        match &mut outcome {
            None => outcome = Some(found),
            Some(before) => before.then(&found),
        }
    }
    judge(&outcome.unwrap_or_default())
}

impl Round {
    /// Runs the tests on the code as it is, then on each mutant.
    fn run(&self, mutants: &mut Command, output: &Path) -> Result<Outcome> {
        // A folder for all mutants: only what a mutant changes is built again.
        let folder = output.join("build");
        let level = format!("profile.test.opt-level={}", self.level);
        let words = || BUILD.into_iter().chain(["--config", &level]).chain(self.targets.iter().copied());
        println!("The code as it is: {} of {}", self.targets.join(" "), self.packages.join(" and "));
        // Here, since cargo-mutants' own first run knows the mutated packages' tests only.
        let mut tests = cargo()?;
        tests.env("CARGO_TARGET_DIR", &folder).arg("test");
        tests.args(self.packages.iter().flat_map(|package| ["--package", package])).args(words());
        // Once to build, once for the time.
        process::loudly(&mut tests)?;
        let start = Instant::now();
        process::loudly(&mut tests)?;
        let limit = (start.elapsed() * LIMIT).max(PATIENCE).as_secs();
        mutants.env("CARGO_TARGET_DIR", &folder).env(NO_SHRINKING.0, NO_SHRINKING.1);
        mutants.args(["--baseline", "skip", "--timeout", &limit.to_string(), "--output"]).arg(output);
        mutants.args(self.packages.iter().flat_map(|package| ["--test-package", package]));
        // For building and for running, so that no other program of the package is linked.
        mutants.args(words().map(|word| format!("--cargo-arg={word}")));
        let status = mutants.status().with_context(|| format!("cannot run {}", process::shown(mutants)))?;
        // 2: some were missed, 3: some took too long. Both are judged below; anything else is no campaign.
        if !matches!(status.code(), Some(0 | 2 | 3)) {
            bail!("{} failed ({status})", process::shown(mutants));
        }
        Outcome::read(&output.join("mutants.out"))
    }
}

/// cargo-mutants on what is asked for, or on what of that was missed before.
fn command(arguments: &Arguments, missed: Option<&[String]>) -> Result<Command> {
    let mut mutants = cargo()?;
    mutants.args(["mutants", "--colors", "never"]);
    // Here and not in the configuration, whose list would be added to the command line's.
    if arguments.file.is_empty() {
        mutants.args(PLACES.iter().flat_map(|place| ["--file", place]));
    }
    mutants.args(arguments.file.iter().flat_map(|file| ["--file", file]));
    match missed {
        None => {
            mutants.args(arguments.re.iter().flat_map(|name| ["--re", name]));
            mutants.args(arguments.shard.iter().flat_map(|shard| ["--shard", shard]));
        }
        // Each by its name: what is missed of a part is not the same part of what is missed.
        Some(missed) => {
            mutants.args(missed.iter().flat_map(|place| ["--re".to_owned(), exactly(place)]));
        }
    }
    mutants.args(&arguments.arguments);
    Ok(mutants)
}

/// The mutants, one a line: before the tests are built and timed, since a misspelt file has none.
fn list(arguments: &Arguments) -> Result<String> {
    let mut mutants = command(arguments, None)?;
    let output = mutants.arg("--list").stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot run {}", process::shown(&mutants)))?;
    if !output.status.success() {
        bail!("{} failed ({})", process::shown(&mutants), output.status);
    }
    some(String::from_utf8_lossy(&output.stdout).into_owned(), arguments)
}

/// The list, unless it is empty.
fn some(list: String, arguments: &Arguments) -> Result<String> {
    if !list.trim().is_empty() {
        return Ok(list);
    }
    let narrowed: Vec<String> = arguments
        .file
        .iter()
        .map(|file| format!("--file {}", process::quoted(file)))
        .chain(arguments.re.iter().map(|re| format!("--re {}", process::quoted(re))))
        .chain(arguments.shard.iter().map(|shard| format!("--shard {shard}")))
        .chain(arguments.arguments.iter().map(|word| process::quoted(&word.to_string_lossy())))
        .collect();
    bail!("no mutant matches {}", narrowed.join(" "))
}

/// A regular expression that is this text and nothing else (what the `regex` crate gives a meaning to is quoted).
fn exactly(text: &str) -> String {
    let quoted = text.chars().flat_map(|c| [r"\.+*?()|[]{}^$#&-~".contains(c).then_some('\\'), Some(c)]);
    format!("^{}$", quoted.flatten().collect::<String>())
}

/// Counts, and what becomes of the survivors.
fn judge(outcome: &Outcome) -> Result<()> {
    let list = workspace::root()?.join("tests/mutants.toml");
    let text = fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let known = known(&text)?;
    outcome.timed_out.iter().for_each(|place| println!("for ever   {place}"));
    let survivors = missed(&outcome.missed);
    let mut unexplained = 0;
    for survivor in &survivors {
        match known.get(&survivor.name) {
            Some(why) => println!("explained  {}: {why}", survivor.place),
            None => {
                println!("SURVIVED   {}", survivor.place);
                unexplained += 1;
            }
        }
    }
    println!(
        "{}: {} caught, {} ran for ever, {} do not compile, {} survived and are explained, {unexplained} \
         survived",
        quantity(outcome.all(), "mutant"),
        outcome.caught.len(),
        outcome.timed_out.len(),
        outcome.unviable.len(),
        survivors.len() - unexplained,
    );
    if unexplained > 0 {
        bail!(
            "{} survived: write a test that fails on each, or explain it in tests/mutants.toml",
            quantity(unexplained, "mutant")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn an_empty_list_names_what_nothing_matches() {
        let arguments = Arguments {
            file: vec!["nosuch".to_owned(), "no such".to_owned()],
            re: Vec::new(),
            shard: Some("0/2".to_owned()),
            list: true,
            arguments: Vec::new(),
        };
        let answer = some(String::new(), &arguments).map_err(|error| error.to_string());
        assert_eq!(answer, Err("no mutant matches --file nosuch --file 'no such' --shard 0/2".to_owned()));
        assert_eq!(
            some("a.rs:1:1: replace\n".to_owned(), &arguments).ok().as_deref(),
            Some("a.rs:1:1: replace\n")
        );
    }

    #[test]
    fn a_mutant_is_found_by_its_name() {
        assert_eq!(
            exactly("a.rs:1:2: replace + with - in F<'_>"),
            r"^a\.rs:1:2: replace \+ with \- in F<'_>$"
        );
    }

    #[test]
    fn every_program_of_the_host_is_run_for_mutants() -> Result<()> {
        let folder = workspace::root()?.join("tests/tests");
        let mut programs = BTreeSet::new();
        for entry in fs::read_dir(&folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            // What the API server tells is not what a verdict is made of.
            let is_of_verdicts = name.starts_with("host_") && !name.starts_with("host_kube");
            programs.extend(Some(name).filter(|name| is_of_verdicts && name.ends_with(".rs")));
        }
        let mut listed = BTreeSet::new();
        for list in ["quick", "thorough"] {
            let text = fs::read_to_string(folder.join("mutants").join(list).with_extension("rs"))?;
            let paths =
                text.lines().filter_map(|line| line.strip_prefix("#[path = \"../")?.strip_suffix("\"]"));
            listed.extend(paths.map(str::to_owned));
        }
        assert_eq!(listed, programs);
        Ok(())
    }
}
