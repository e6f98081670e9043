//! Benchmarks: what the programs cost, beside floors of the same run.
//!
//! Every figure is a ratio, or a difference to an empty program, of rounds in which all programs take turns: so what
//! else the machine does falls on all of them alike. Nothing here is a test: `--quick` only asks whether a suite runs
//! and its ratios make sense.

mod compare;
mod control;
mod forward;
mod machine;
mod options;
mod packet;
mod pin;
mod recorder;
mod report;
pub mod result;
mod rivals;
pub mod statistics;

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context as _;

pub use options::{Options, Run, Suite};
use result::{Measurement, Results};

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// Measured, or compared without a regression.
    Done,
    /// A ratio of a quick run is none that a machine can have.
    Insane,
    /// Something has become worse.
    Regressed,
}

/// Runs a suite, or compares.
///
/// # Errors
/// When something cannot be set up, or the kernel refuses.
pub fn run(options: &Options) -> anyhow::Result<Conclusion> {
    let (run, (measured, versions)) = match &options.suite {
        Suite::Packet(run) => (run, packet::run(run)?),
        Suite::Forward(run) => (run, forward::run(run)?),
        Suite::Rivals(run) => (run, rivals::run(run)?),
        Suite::Control(run) => (run, control::run(run)?),
        Suite::Report { files, out, page } => {
            let files: Vec<Results> = files.iter().map(|file| read(file)).collect::<anyhow::Result<_>>()?;
            return report::run(&files, out, page.as_deref()).map(|()| Conclusion::Done);
        }
        Suite::Compare { old, new } => return compare::run(&read(old)?, &read(new)?),
    };
    anyhow::ensure!(!measured.is_empty(), "no case has such a name");
    conclude(run, measured, versions)
}

fn conclude(
    run: &Run,
    measured: Vec<Measurement>,
    versions: BTreeMap<String, String>,
) -> anyhow::Result<Conclusion> {
    let results = machine::results(measured, versions);
    let missed = results.results.iter().filter(|it| it.pass == Some(false)).count();
    let bars = results.results.iter().filter(|it| it.pass.is_some()).count();
    println!("{} figures; of {bars} with a bar, {missed} miss it", results.results.len());
    if let Some(path) = &run.json {
        let text = serde_json::to_string_pretty(&results)?;
        fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    }
    let insane: Vec<&Measurement> = results.results.iter().filter(|it| !is_sane(it)).collect();
    for it in &insane {
        println!("{} {}: {} {} is no figure", it.case, it.metric, it.value, it.unit);
    }
    Ok(if run.quick && !insane.is_empty() { Conclusion::Insane } else { Conclusion::Done })
}

/// A figure that some machine could have: the programs are neither free nor a thousand times their floors. (A wait of
/// microseconds beside one of milliseconds may be a thousandth of it.)
fn is_sane(it: &Measurement) -> bool {
    let may_be = if it.suite == "control" { 0.000_01..1000.0 } else { 0.001..1000.0 };
    it.value.is_finite() && it.ratio.is_none_or(|ratio| ratio.is_finite() && may_be.contains(&ratio))
}

fn read(path: &Path) -> anyhow::Result<Results> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no result file", path.display()))
}
