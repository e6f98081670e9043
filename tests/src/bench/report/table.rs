//! Tables in Markdown: one for each result file.

use std::fmt::Write as _;

use crate::bench::result::{Measurement, Results};

/// The tables of all files, each under what it ran on.
pub(super) fn tables(files: &[Results]) -> String {
    let mut text = String::new();
    for file in files {
        let machine = &file.machine;
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "Linux {}, {} × {}, {} MiB, commit {}.\n",
            file.kernel,
            machine.cpus,
            machine.cpu,
            machine.memory_mib,
            if file.commit.is_empty() { "unknown" } else { &file.commit }
        );
        for (name, version) in &file.versions {
            let _ = writeln!(text, "{name} {version}\n");
        }
        text.push_str(
            "| case | figure | spread | against | ratio | bar | |\n|---|---:|---:|---|---:|---|---|\n",
        );
        for it in &file.results {
            let _ = writeln!(text, "{}", row(it));
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
fn number(value: f64) -> String {
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
