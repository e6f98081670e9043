//! Steps one after the other, and what became of each.

use anyhow::{Result, bail};
use std::{
    fmt,
    io::{self, IsTerminal as _},
    time::Instant,
};

/// How a step ended.
pub(crate) enum Outcome {
    /// As it should.
    Passed,
    /// It could not be done here, which is no failure; the reason.
    Skipped(String),
}

/// What happened so far.
pub(crate) struct Summary {
    lines: Vec<(String, Result<Outcome, String>, u64)>,
    colour: bool,
}

impl Summary {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { lines: Vec::new(), colour }
    }

    /// Runs a step under its headline. A failure is kept for the end, so that one run shows all of them.
    pub(crate) fn step(&mut self, name: &str, action: impl FnOnce() -> Result<Outcome>) {
        println!("\n{}", self.painted("1", format_args!("── {name}")));
        let start = Instant::now();
        let result = action().map_err(|error| format!("{error:#}"));
        match &result {
            Ok(Outcome::Passed) => {}
            Ok(Outcome::Skipped(why)) => {
                println!("{}", self.painted("33", format_args!("{name}: skipped, {why}")))
            }
            Err(error) => println!("{}", self.painted("31", format_args!("{name}: failed, {error}"))),
        }
        self.lines.push((name.to_owned(), result, start.elapsed().as_secs()));
    }

    /// The table; an error if any step failed.
    pub(crate) fn finish(self) -> Result<()> {
        println!("\n{}", self.painted("1", format_args!("── Summary")));
        let width = self.lines.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or(0);
        for (name, result, seconds) in &self.lines {
            let (colour, word) = match result {
                Ok(Outcome::Passed) => ("32", "passed"),
                Ok(Outcome::Skipped(_)) => ("33", "skipped"),
                Err(_) => ("31", "FAILED"),
            };
            println!("{name:width$}  {}  {seconds:>4} s", self.painted(colour, format_args!("{word:7}")));
        }
        let failed = self.lines.iter().filter(|(_, result, _)| result.is_err()).count();
        if failed > 0 {
            bail!("{failed} of {} steps failed", self.lines.len());
        }
        Ok(())
    }

    fn painted(&self, colour: &str, text: fmt::Arguments<'_>) -> String {
        if self.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_string() }
    }
}
