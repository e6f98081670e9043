//! The commands of the set-up: collected, printed, or run.

use crate::{process, toolchain::on_path, workspace};
use anyhow::Result;
use std::process::Command;

/// Who reads a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// We run it, or people.
    Command,
    /// A shell, which puts in what only an earlier line can tell.
    Typed,
    /// A shell: all of it is one line.
    Line,
}

/// One command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Action {
    words: Vec<String>,
    environment: Vec<(String, String)>,
    root: bool,
    form: Form,
}

impl Action {
    /// As the user who runs us.
    pub(crate) fn new(words: &[&str]) -> Self {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Self { words, environment: Vec::new(), root: false, form: Form::Command }
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

    /// A line of a shell, as people type it; never run by us.
    pub(crate) fn shell(line: String) -> Self {
        Self { words: vec![line], environment: Vec::new(), root: false, form: Form::Line }
    }

    /// Never run by us, only printed, with variables for the shell to fill in: words are not quoted.
    pub(crate) fn typed(self) -> Self {
        Self { form: Form::Typed, ..self }
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
        let quoted = |word: &str| match self.form {
            Form::Line => word.to_owned(),
            // Within double quotes a shell fills variables in.
            Form::Typed if word.contains('$') => format!("\"{word}\""),
            Form::Typed | Form::Command => process::quoted(word),
        };
        let environment = self.environment.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
        let words = self.words.iter().map(|word| quoted(word));
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
            // Several steps may want the package lists.
            if !self.collected.contains(&action) {
                self.collected.push(action);
            }
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
        for line in self.lines() {
            println!("    {line}");
        }
        println!();
    }

    /// The commands in their order: package lists first, whichever step asked for them, since on a fresh machine nothing is
    /// found without.
    fn lines(&self) -> Vec<String> {
        let mut ordered: Vec<&Action> = self.collected.iter().collect();
        ordered.sort_by_key(|action| !action.is_list_update());
        ordered.into_iter().map(Action::shown).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_printed_once_lists_first_and_with_what_the_shell_fills_in() -> Result<()> {
        let mut commands = Commands::collecting();
        let update = || Action::new(&["apt-get", "update", "-q"]);
        for action in [
            Action::new(&["apt-get", "install", "a b"]).env("NAME", "$x"),
            update(),
            Action::shell("llvm=$(rustc -vV | sed 's/a/b/')".to_owned()),
            Action::new(&["apt-get", "install", "llvm-$llvm-dev"]).env("FLAGS", "-L $llvm/lib").typed(),
            update(),
        ] {
            assert!(!commands.run("a test", action)?);
        }
        let wanted = [
            "apt-get update -q",
            "NAME='$x' apt-get install 'a b'",
            "llvm=$(rustc -vV | sed 's/a/b/')",
            "FLAGS=\"-L $llvm/lib\" apt-get install \"llvm-$llvm-dev\"",
        ];
        assert_eq!(commands.lines(), wanted);
        Ok(())
    }
}
