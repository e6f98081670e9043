//! Tests by level. The test programs' names say which level they are of: `host*.rs`, `kernel*.rs`, `netns*.rs` and
//! `demo.rs` in `tests/tests`.

use super::passed;
use crate::{
    build::cargo,
    summary::{Outcome, Summary},
    workspace,
};
use anyhow::{Context as _, Result, bail};
use std::{ffi::OsString, fs};

/// Levels that run together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// 1 to 3: unit tests, properties, the oracle, what fuzzing found.
    Host,
    /// 4 and 5: the real programs in the kernel, on packets from memory.
    Kernel,
    /// 6: real connections between network namespaces.
    Namespaces,
}

/// A level by its number.
pub(crate) fn parse(number: &str) -> Result<Level, String> {
    match number {
        "1" | "2" | "3" => Ok(Level::Host),
        "4" | "5" => Ok(Level::Kernel),
        "6" => Ok(Level::Namespaces),
        "7" => Err("level 7 runs the others in a virtual machine: cargo xtask vm --help".to_owned()),
        _ => Err("the levels are 1 to 6".to_owned()),
    }
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Host => "Tests on the host (levels 1, 2, 3)",
            Self::Kernel => "Tests in the kernel (levels 4, 5)",
            Self::Namespaces => "Tests between network namespaces (level 6)",
        }
    }

    /// The level of a test program; `None` for a name that belongs to no level.
    pub(crate) fn of(program: &str) -> Option<Self> {
        let prefixes = [
            ("host", Self::Host),
            ("kernel", Self::Kernel),
            ("netns", Self::Namespaces),
            ("demo", Self::Namespaces),
        ];
        prefixes.into_iter().find(|(prefix, _)| program.starts_with(prefix)).map(|(_, level)| level)
    }
}

/// Runs the tests of a level.
pub(super) fn run(summary: &mut Summary, level: Level, arguments: &[OsString]) {
    summary.step(level.name(), || {
        let programs = programs(level)?;
        let mut test = cargo()?;
        test.arg("test");
        if level == Level::Host {
            test.args(["--workspace", "--exclude", "enforcer-ebpf", "--lib", "--bins"]);
            // The agent's own test programs.
            test.args(["--test", "source", "--test", "cli", "--test", "cni"]);
        } else {
            if programs.is_empty() {
                return Ok(Outcome::Skipped("there are no such tests yet".to_owned()));
            }
            if !workspace::is_root() {
                bail!(
                    "these tests load eBPF programs and make network namespaces, so they run as root: {}",
                    workspace::as_root("cargo xtask test")
                );
            }
            // The tests of these levels start the agent.
            passed(cargo()?.args(["build", "--package", "enforcer", "--bins"]))?;
            test.args(["--package", "enforcer-tests"]);
        }
        for program in &programs {
            test.args(["--test", program]);
        }
        test.env("ENFORCER_BIN", workspace::target_dir()?.join("debug/enforcer"));
        if !arguments.is_empty() {
            test.arg("--").args(arguments);
        }
        passed(&mut test)
    });
}

/// The test programs of a level.
pub(crate) fn programs(level: Level) -> Result<Vec<String>> {
    let folder = workspace::root()?.join("tests/tests");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some(program) = name.strip_suffix(".rs")
            && Level::of(program) == Some(level)
        {
            found.push(program.to_owned());
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn each_level_of_the_documentation_is_taken() -> Result<()> {
        let text = fs::read_to_string(workspace::root()?.join("docs/proof.md"))?;
        let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
        let levels: Vec<&str> = rows.filter(|cell| cell.parse::<u32>().is_ok()).collect();
        let [ours @ .., "7"] = levels.as_slice() else { panic!("{levels:?}") };
        assert_eq!(ours, ["1", "2", "3", "4", "5", "6"]);
        for level in ours {
            assert!(parse(level).is_ok(), "{level}");
        }
        assert!(parse("0").is_err() && parse("8").is_err());
        assert!(parse("7").is_err_and(|told| told.contains("cargo xtask vm")));
        Ok(())
    }
}
