//! `cargo xtask mutants`: cargo-mutants on everything that a verdict is made of.
//!
//! A mutant is the code with one thing changed: an operator, a constant, a function's result. Each must make a
//! test on the host fail. The mutants that nothing can catch stand, each with the reason why, in
//! `tests/mutants.toml`. Any other survivor is a failure.

mod survivor;

use crate::{build::cargo, process, quantity::quantity, setup, workspace};
use anyhow::{Context as _, Result, bail};
use std::{
    ffi::OsString,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};
use survivor::{known, missed};

/// Everything that a verdict is made of.
const PLACES: [&str; 4] = [
    "enforcer-common/src/decide/**/*.rs",
    "enforcer-common/src/packet/**/*.rs",
    "enforcer/src/compile/**/*.rs",
    "enforcer/src/plan/**/*.rs",
];

/// The tests that must notice, of the core alone and quick ones first: cargo stops at the first program that fails. Somewhat
/// optimised, since they run for each mutant, and without debug information, since nobody looks.
const TESTS: [&str; 9] = [
    "--no-default-features",
    "--config",
    "profile.test.opt-level=1",
    "--config",
    "profile.test.debug=0",
    "--test",
    "mutants_quick",
    "--test",
    "mutants_thorough",
];
/// That a case fails is enough; nobody reads the smallest one.
const NO_SHRINKING: (&str, &str) = ("PROPTEST_MAX_SHRINK_ITERS", "0");
/// The package of the tests.
const PACKAGE: &str = "enforcer-tests";
/// A mutant whose tests take so many times as long as those of the code as it is runs for ever, and counts as caught.
const LIMIT: u32 = 10;

/// What is after `mutants` goes to cargo-mutants as it is.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only mutants of files that match; may be repeated
    #[arg(long, value_name = "GLOB")]
    file: Vec<String>,
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
    let mut mutants = command(arguments)?;
    // A folder for all mutants: only what a mutant changes is built again.
    let folder = output.join("build");
    println!("The tests on the code as it is");
    // Here, since cargo-mutants' own first run knows the mutated packages' tests only.
    let mut tests = cargo()?;
    tests.env("CARGO_TARGET_DIR", &folder);
    tests.args(["test", "--package", PACKAGE]).args(TESTS);
    // Once to build, once for the time.
    process::loudly(&mut tests)?;
    let start = Instant::now();
    process::loudly(&mut tests)?;
    let limit = (start.elapsed() * LIMIT).as_secs() + 1;
    mutants.env("CARGO_TARGET_DIR", &folder);
    mutants.env(NO_SHRINKING.0, NO_SHRINKING.1);
    mutants
        .args(["--baseline", "skip", "--timeout", &limit.to_string(), "--test-package", PACKAGE, "--output"])
        .arg(&output);
    // For building and for running, so that no other program of the package is linked.
    mutants.args(TESTS.iter().map(|word| format!("--cargo-arg={word}")));
    let status = mutants.status().with_context(|| format!("cannot run {}", process::shown(&mutants)))?;
    // 2: some were missed, 3: some took too long. Both are judged below; anything else is no campaign.
    if !matches!(status.code(), Some(0 | 2 | 3)) {
        bail!("{} failed ({status})", process::shown(&mutants));
    }
    judge(&output.join("mutants.out"))
}

fn command(arguments: &Arguments) -> Result<Command> {
    let mut mutants = cargo()?;
    mutants.args(["mutants", "--colors", "never"]);
    // Here and not in the configuration, whose list would be added to the command line's.
    if arguments.file.is_empty() {
        mutants.args(PLACES.iter().flat_map(|place| ["--file", place]));
    }
    mutants.args(arguments.file.iter().flat_map(|file| ["--file", file]));
    if let Some(shard) = &arguments.shard {
        mutants.args(["--shard", shard]);
    }
    mutants.args(&arguments.arguments);
    Ok(mutants)
}

/// The mutants, one a line: before the tests are built and timed, since a misspelt file has none.
fn list(arguments: &Arguments) -> Result<String> {
    let mut mutants = command(arguments)?;
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
        .chain(arguments.shard.iter().map(|shard| format!("--shard {shard}")))
        .chain(arguments.arguments.iter().map(|word| process::quoted(&word.to_string_lossy())))
        .collect();
    bail!("no mutant matches {}", narrowed.join(" "))
}

/// Counts, and what becomes of the survivors.
fn judge(output: &Path) -> Result<()> {
    let lines = |name: &str| -> Result<Vec<String>> {
        let file = output.join(name);
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(text.lines().map(str::to_owned).collect())
    };
    let list = workspace::root()?.join("tests/mutants.toml");
    let text = fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let known = known(&text)?;
    let (caught, timed_out, unviable) = (lines("caught.txt")?, lines("timeout.txt")?, lines("unviable.txt")?);
    timed_out.iter().for_each(|place| println!("for ever   {place}"));
    let survivors = missed(&lines("missed.txt")?);
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
        quantity(caught.len() + timed_out.len() + unviable.len() + survivors.len(), "mutant"),
        caught.len(),
        timed_out.len(),
        unviable.len(),
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
    fn every_program_of_the_host_is_run_for_mutants() -> Result<()> {
        let folder = workspace::root()?.join("tests/tests");
        let mut programs = BTreeSet::new();
        for entry in fs::read_dir(&folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            programs.extend(Some(name).filter(|name| name.starts_with("host_") && name.ends_with(".rs")));
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
