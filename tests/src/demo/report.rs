//! What the demo prints, piece by piece.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    time::{Duration, Instant},
};

use anyhow::Result;
use enforcer::quantity::quantity;

use crate::{agent::Dropped, oracle::Family};

use super::{
    expected::Expectations,
    grid::{Grid, Trial},
    matrix::{Matrix, State, count},
    style::{Style, Tone},
    table::{self, Panel},
};

/// Different drops that are shown as a sample.
const SAMPLE: usize = 10;
/// Failures that are listed; the first ones tell most.
const FAILURES: usize = 20;
/// Stands before the rows of a change.
const CHANGE_INDENT: &str = "               ";
/// Wide enough for a dozen Services twice, when the terminal does not say.
const WIDTH: usize = 120;

/// Where everything is printed.
#[derive(Debug)]
pub(super) struct Report {
    style: Style,
    verbose: bool,
    width: usize,
    started: Instant,
}

impl Report {
    /// To the standard output.
    pub(super) fn new(style: Style, verbose: bool) -> Self {
        Self { style, verbose, width: terminal_width().unwrap_or(WIDTH), started: Instant::now() }
    }

    /// A line.
    pub(super) fn line(&self, text: &str) -> Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        Ok(out.flush()?)
    }

    /// A heading.
    pub(super) fn heading(&self, text: &str) -> Result<()> {
        self.line(&format!("\n{}", self.style.paint(Tone::Strong, text)))
    }

    /// A good end of something.
    pub(super) fn success(&self, text: &str) -> Result<()> {
        self.line(&self.style.paint(Tone::Good, text))
    }

    /// A bad one.
    pub(super) fn failure(&self, text: &str) -> Result<()> {
        self.line(&self.style.paint(Tone::Bad, text))
    }

    /// What was done and how long it took.
    pub(super) fn step(&self, what: &str, took: Duration) -> Result<()> {
        let took = format!("{:.1} s", took.as_secs_f32());
        self.line(&format!("  {what}  {}", self.style.paint(Tone::Faint, &took)))
    }

    /// Seconds since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Matrices.
    pub(super) fn matrices(&self, grid: &Grid, panels: &[Panel]) -> Result<()> {
        self.line(&format!("\n{}", table::render(grid, panels, self.width, self.style).trim_end()))
    }

    /// What the symbols mean.
    pub(super) fn legend(&self, grid: &Grid, families: usize) -> Result<()> {
        let symbol = |state: State| {
            let mark = state.mark();
            self.style.paint(mark.tone, &mark.symbol.to_string())
        };
        self.line(&format!(
            "{} connects  {} blocked  {} only some replicas or families connect  {} itself, not tried  {} neither, such as refused: see below",
            symbol(State::Connects),
            symbol(State::Blocked),
            symbol(State::Mixed),
            symbol(State::Itself),
            symbol(State::Strange),
        ))?;
        let over = if families > 1 { ", over IPv4 and IPv6" } else { "" };
        self.line(&self.style.paint(
            Tone::Faint,
            &format!(
                "Rows connect to columns. Every replica to every replica{over}. There is no kube-proxy here: a Service\n\
                 port is tried at the target port of each of its pods. Names without a namespace are in {}.",
                table::main_namespace(grid)
            ),
        ))?;
        for untried in &grid.untried {
            self.line(&self.style.paint(Tone::Faint, &format!("Not tried: {untried}.")))?;
        }
        Ok(())
    }

    /// Counts of a matrix.
    pub(super) fn counts(matrix: &Matrix) -> String {
        let mut text =
            format!("{} connect, {} blocked", count(matrix, State::Connects), count(matrix, State::Blocked));
        for (state, name) in [(State::Mixed, "mixed"), (State::Strange, "neither")] {
            let number = count(matrix, state);
            if number > 0 {
                text.push_str(&format!(", {number} {name}"));
            }
        }
        text
    }

    /// What the kernel dropped.
    pub(super) fn drops(&self, drops: &[Dropped]) -> Result<()> {
        let mut different = BTreeMap::new();
        for dropped in drops {
            different.entry(dropped.likeness()).or_insert(dropped);
        }
        let shown: Vec<&Dropped> = if self.verbose {
            drops.iter().collect()
        } else {
            // Spread over all of them, since neighbours are alike.
            let step = different.len().div_ceil(SAMPLE).max(1);
            different.values().step_by(step).copied().collect()
        };
        let what = if self.verbose || shown.len() == different.len() { "" } else { "; a sample" };
        self.heading(&format!(
            "Dropped by the kernel: {}, {} different{what}",
            quantity(drops.len(), "packet"),
            different.len()
        ))?;
        let width = shown.iter().map(|dropped| dropped.whom().chars().count()).max().unwrap_or_default();
        for dropped in shown {
            self.line(&format!("  {dropped:width$}"))?;
        }
        Ok(())
    }

    /// Cells that changed, by kind of change and column.
    pub(super) fn changes(&self, grid: &Grid, before: &Matrix, after: &Matrix) -> Result<()> {
        let mut groups: BTreeMap<(State, String), Vec<String>> = BTreeMap::new();
        for (place, state) in after.iter().filter(|(place, state)| before.get(*place) != Some(*state)) {
            if let Some((row, column)) = table::names(grid, *place) {
                groups.entry((*state, column)).or_default().push(row);
            }
        }
        for ((state, column), rows) in groups {
            let what = match state {
                State::Connects => "now open   ",
                State::Blocked => "now blocked",
                State::Mixed => "now mixed  ",
                State::Itself | State::Strange => "now neither",
            };
            let what = self.style.paint(Tone::Notable, what);
            self.line(&format!("  {what}  {column}  from"))?;
            for line in wrapped(&rows, self.width.saturating_sub(CHANGE_INDENT.len())) {
                self.line(&format!("{CHANGE_INDENT}{line}"))?;
            }
        }
        Ok(())
    }

    /// Connections of which the kernel made something else than the oracle.
    pub(super) fn differences(&self, differences: &[(Trial, String)]) -> Result<()> {
        let lines = differences.iter().map(|(trial, what)| format!("{}: {what}", words(trial)));
        self.failures(&lines.collect::<Vec<_>>())
    }

    /// Connections that were blocked although no drop names them.
    pub(super) fn unexplained(&self, trials: &[&Trial]) -> Result<()> {
        let lines =
            trials.iter().map(|trial| format!("{}: blocked, but no drop event names it", words(trial)));
        self.failures(&lines.collect::<Vec<_>>())
    }

    fn failures(&self, lines: &[String]) -> Result<()> {
        let shown = if self.verbose { lines.len() } else { FAILURES.min(lines.len()) };
        for line in lines.iter().take(shown) {
            self.failure(&format!("  {line}"))?;
        }
        match lines.len() - shown {
            0 => Ok(()),
            more => self.failure(&format!("  and {more} more; --verbose shows all")),
        }
    }

    /// Counts of an expectation.
    pub(super) fn expected(expectations: &Expectations) -> String {
        let open = expectations.values().filter(|opens| **opens).count();
        format!("{open} of {} open", quantity(expectations.len(), "connection"))
    }
}

/// The items as a list, in lines of at most this width.
fn wrapped(items: &[String], width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for (index, item) in items.iter().enumerate() {
        let end = if index + 1 == items.len() { "" } else { ", " };
        if !line.is_empty() && line.len() + item.len() + end.trim_end().len() > width {
            lines.push(std::mem::take(&mut line).trim_end().to_owned());
        }
        line.push_str(item);
        line.push_str(end);
    }
    lines.push(line);
    lines
}

fn words(trial: &Trial) -> String {
    let family = match trial.family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    };
    format!("{} → {} {} {} over {family}", trial.from, trial.to, trial.protocol, trial.port)
}

/// `COLUMNS` is a shell's variable and seldom exported; `stty` asks the terminal.
fn terminal_width() -> Option<usize> {
    use std::process::{Command, Stdio};
    let size =
        Command::new("stty").arg("size").stdin(Stdio::inherit()).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(size.stdout).ok()?.split_whitespace().nth(1)?.parse().ok().filter(|width| *width > 0)
}
