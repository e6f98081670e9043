//! The commands of the set-up: collected, printed, or run.

use crate::{process, toolchain::on_path, workspace};
use anyhow::Result;
use std::process::Command;

/// One command.
pub(crate) struct Action {
    words: Vec<String>,
    environment: Vec<(String, String)>,
    root: bool,
}

impl Action {
    /// As the user who runs us.
    pub(crate) fn new(words: &[&str]) -> Self {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Self { words, environment: Vec::new(), root: false }
    }

    /// As root.
    pub(crate) fn as_root(words: &[&str]) -> Self {
        Self { root: true, ..Self::new(words) }
    }

    /// With an environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Is it for Debian's package tool?
    fn is_apt(&self) -> bool {
        self.words.first().is_some_and(|word| word == "apt-get")
    }

    /// Does it fetch the package lists?
    fn is_list_update(&self) -> bool {
        self.is_apt() && self.words.iter().any(|word| word == "update")
    }

    fn shown(&self) -> String {
        let sudo = ["sudo"].into_iter().filter(|_| self.root && !workspace::is_root()).map(str::to_owned);
        let environment =
            self.environment.iter().map(|(name, value)| format!("{name}={}", process::quoted(value)));
        let words = self.words.iter().map(|word| process::quoted(word));
        sudo.chain(environment).chain(words).collect::<Vec<_>>().join(" ")
    }

    fn command(&self) -> Command {
        let program = self.words.first().map(String::as_str).unwrap_or_default();
        let mut command = Command::new(on_path(program).unwrap_or_else(|| program.into()));
        command.args(self.words.iter().skip(1));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// What is to be done with commands, and what became of them.
pub(crate) struct Commands {
    acting: bool,
    collected: Vec<Action>,
}

impl Commands {
    /// Runs nothing.
    pub(crate) fn collecting() -> Self {
        Self { acting: false, collected: Vec::new() }
    }

    /// Runs each at once.
    pub(crate) fn running() -> Self {
        Self { acting: true, collected: Vec::new() }
    }

    /// Says that a step has nothing to do.
    pub(crate) fn there(&self, what: &str) {
        if self.acting {
            println!("  already there: {what}");
        }
    }

    /// Runs or collects a command; `purpose` says what for. True if it was run.
    pub(crate) fn run(&mut self, purpose: &str, action: Action) -> Result<bool> {
        if !self.acting {
            self.collected.push(action);
            return Ok(false);
        }
        println!("  {purpose}\n    $ {}", action.shown());
        process::quietly(&mut action.command())?;
        Ok(true)
    }

    /// Is nothing to be done?
    pub(crate) fn is_empty(&self) -> bool {
        self.collected.is_empty()
    }

    /// Can everything that was collected be done here, by us?
    pub(crate) fn possible(&self) -> bool {
        let root = workspace::is_root();
        let apt = on_path("apt-get").is_some();
        self.collected.iter().all(|action| (root || !action.root) && (apt || !action.is_apt()))
    }

    /// Everything that was collected, as one would type it.
    pub(crate) fn print(&self) {
        let apt = on_path("apt-get").is_some();
        if !apt {
            println!(
                "There is no apt-get here: for its lines, install the same with this machine's package tool."
            );
        }
        println!("To be done{}:\n", if workspace::is_root() { "" } else { ", since this is not root" });
        // Package lists first, whichever step asked for them: on a fresh machine nothing is found without.
        let mut ordered: Vec<&Action> = self.collected.iter().collect();
        ordered.sort_by_key(|action| !action.is_list_update());
        for action in ordered {
            println!("    {}", action.shown());
        }
        println!(
            "\nWhat can only be seen once these are done (the compiler, the linker) is named by the next run.\n"
        );
    }
}
