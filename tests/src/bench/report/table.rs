//! Tables in Markdown, of a result file.

use std::fmt::Write as _;

use super::pivot;
use crate::bench::result::{Measurement, Results};

/// What a file holds, under what it ran on. Suites that compare have a table of who against what, then the rows of bars.
pub(super) fn tables(file: &Results) -> String {
    let machine = &file.machine;
    let commit = if file.commit.is_empty() { "unknown" } else { &file.commit };
    let mut text = format!(
        "Linux {}, {} × {}, {} MiB, commit {commit}",
        file.kernel, machine.cpus, machine.cpu, machine.memory_mib
    );
    // Writing to a string does not fail.
    for (name, version) in file.versions.iter().filter(|(_, version)| !version.contains('\n')) {
        let _ = write!(text, "; {name}: {version}");
    }
    text.push_str(".\n\n");
    let suite = file.results.first().map_or("", |it| it.suite.as_str());
    let pivots = pivot::pivots(suite, &file.results);
    let is_row = |it: &&Measurement| {
        pivots.is_none()
            || it.bar.is_some()
            || it.metric.ends_with("over the hook")
            // What is of no size has no column.
            || !it.case.contains('/')
    };
    text.push_str(pivots.as_deref().unwrap_or_default());
    text.push_str("| case | figure | spread | against | ratio | bar | |\n|---|---:|---:|---|---:|---|---|\n");
    for it in file.results.iter().filter(is_row) {
        let _ = writeln!(text, "{}", row(it));
    }
    text.push('\n');
    let losses = pivot::losses(&file.results);
    if !losses.is_empty() {
        text.push_str("Where ours is not the best:\n\n");
        for loss in losses {
            let _ = writeln!(text, "- {loss}");
        }
        text.push('\n');
    }
    text
}

fn row(it: &Measurement) -> String {
    let against =
        it.baseline.as_ref().map_or(String::new(), |base| format!("{} {}", base.name, number(base.value)));
    let ratio = it.ratio.map_or(String::new(), |ratio| format!("{ratio:.2} ×"));
    let bar = it.bar.map_or(String::new(), |bar| bar.to_string());
    let pass = match it.pass {
        Some(true) => "passed",
        Some(false) => "**missed**",
        None => "",
    };
    format!(
        "| {}, {} | {} {} | {} | {against} | {ratio} | {bar} | {pass} |",
        it.case,
        it.metric,
        number(it.value),
        it.unit,
        number(it.spread)
    )
}

/// Three digits that say something.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        magnitude if magnitude >= 100.0 || value == 0.0 => format!("{value:.0}"),
        magnitude if magnitude >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::result::{Bar, Baseline};

    #[test]
    fn a_row_says_what_was_missed() {
        let it = Measurement {
            suite: "packet".to_owned(),
            case: "established".to_owned(),
            metric: "cost".to_owned(),
            unit: "ns/packet".to_owned(),
            value: 15.04,
            spread: 0.25,
            baseline: Some(Baseline { name: "bare look-up".to_owned(), value: 8.0 }),
            ratio: Some(1.88),
            bar: Some(Bar::RatioAtMost(1.4)),
            pass: Some(false),
            rounds: vec![15.0],
        };
        assert_eq!(
            row(&it),
            "| established, cost | 15.0 ns/packet | 0.25 | bare look-up 8.00 | 1.88 × | ≤ 1.4 × | **missed** |"
        );
    }
}
