//! Results of suites that compare: a table of who against what, instead of a row for each figure.

use std::fmt::Write as _;

use super::table::number;
use crate::bench::result::Measurement;

/// A ratio from here on is even.
const EVEN: f64 = 0.995;

/// A table: its title, the title of the first column, and where each figure goes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pivot {
    corner: String,
    columns: Vec<String>,
    /// Name and cells; a cell of a column for which there is no figure is empty.
    rows: Vec<(String, Vec<String>)>,
}

impl Pivot {
    fn new(corner: &str) -> Self {
        Self { corner: corner.to_owned(), ..Self::default() }
    }

    /// Rows and columns stand in the order in which they first come.
    fn put(&mut self, row: &str, column: &str, cell: String) {
        let at = self.columns.iter().position(|name| name == column).unwrap_or_else(|| {
            self.columns.push(column.to_owned());
            self.columns.len() - 1
        });
        let row = self.rows.iter().position(|(name, _)| name == row).unwrap_or_else(|| {
            self.rows.push((row.to_owned(), Vec::new()));
            self.rows.len() - 1
        });
        if let Some((_, cells)) = self.rows.get_mut(row) {
            cells.resize(cells.len().max(at + 1), String::new());
            if let Some(place) = cells.get_mut(at) {
                *place = cell;
            }
        }
    }

    fn markdown(&self) -> String {
        let mut text = format!("| {} | {} |\n|---|", self.corner, self.columns.join(" | "));
        text.push_str(&"---:|".repeat(self.columns.len()));
        text.push('\n');
        for (name, cells) in &self.rows {
            let mut cells = cells.clone();
            cells.resize(self.columns.len(), String::new());
            // Writing to a string does not fail.
            let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
        }
        text
    }
}

/// The last part of a case's name, in words.
fn size(name: &str) -> String {
    if name == "1-policies" { "1 policy".to_owned() } else { name.replace('-', " ") }
}

/// A figure and its ratio.
fn cell(it: &Measurement) -> String {
    match it.ratio {
        Some(ratio) => format!("{} ({ratio:.2} ×)", number(it.value)),
        None => number(it.value),
    }
}

/// The tables of `forward` (`packets/ipv4/100-policies`: one for each family), of `rivals`
/// (`connections/nftables/100-policies`: one for each thing measured) and of `control`
/// (`last-write/policy/10-policies-100-pods`: the same); none of other suites.
pub(super) fn pivots(suite: &str, results: &[Measurement]) -> Option<String> {
    let is_forward = match suite {
        "forward" => true,
        "rivals" => false,
        "control" => return Some(growth(results)),
        _ => return None,
    };
    let mut tables: Vec<(String, Pivot)> = Vec::new();
    // What is compared once more with somebody else stands in the list below the tables.
    for it in results.iter().filter(|it| !it.metric.contains(' ')) {
        let [what, middle, last] = it.case.split('/').collect::<Vec<_>>()[..] else { continue };
        let (title, row, column) = if is_forward {
            let metric = if it.metric == "rate" { what.to_owned() } else { format!("{what}, {}", it.metric) };
            (middle.to_owned(), last, format!("{metric} [{}]", it.unit))
        } else {
            (format!("{what} [{}]", it.unit), middle, size(last))
        };
        let table = tables.iter().position(|(name, _)| *name == title).unwrap_or_else(|| {
            tables.push((title.clone(), Pivot::new(&title)));
            tables.len() - 1
        });
        if let Some((_, table)) = tables.get_mut(table) {
            table.put(row, &column, cell(it));
        }
    }
    Some(tables.iter().map(|(_, table)| table.markdown() + "\n").collect())
}

/// A row for each figure, a column for each size.
fn growth(results: &[Measurement]) -> String {
    let mut tables: Vec<(String, Pivot)> = Vec::new();
    for it in results {
        let [what, kind, last] = it.case.split('/').collect::<Vec<_>>()[..] else { continue };
        let title = format!("{what} [{}]", it.unit);
        let plain = ["time", "count", "memory"].contains(&it.metric.as_str());
        let row = if plain { kind.to_owned() } else { format!("{kind}, {}", it.metric) };
        let table = tables.iter().position(|(name, _)| *name == title).unwrap_or_else(|| {
            tables.push((title.clone(), Pivot::new(&title)));
            tables.len() - 1
        });
        if let Some((_, table)) = tables.get_mut(table) {
            table.put(&row, &size(last), cell(it));
        }
    }
    tables.iter().map(|(_, table)| table.markdown() + "\n").collect()
}

/// Where a rival is better than ours, said by the figures of ours against each.
pub(super) fn losses(results: &[Measurement]) -> Vec<String> {
    let mut losses = Vec::new();
    for it in results {
        let [what, _, at] = it.case.split('/').collect::<Vec<_>>()[..] else { continue };
        let (Some(rival), Some(ratio)) = (it.metric.strip_prefix("rate against "), it.ratio) else {
            continue;
        };
        if ratio < EVEN {
            losses.push(format!("{what}, {}: {rival} has {:.2} × of ours", size(at), 1.0 / ratio));
        }
    }
    for it in results.iter().filter(|it| it.metric == "time") {
        let [what, who, at] = it.case.split('/').collect::<Vec<_>>()[..] else { continue };
        if let Some(ratio) = it.ratio.filter(|ratio| *ratio < EVEN) {
            losses.push(format!("{what}, {}: {who} takes {ratio:.2} × of ours", size(at)));
        }
    }
    losses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::result::Baseline;

    fn figure(case: &str, metric: &str, value: f64, ratio: Option<f64>) -> Measurement {
        Measurement {
            suite: "rivals".to_owned(),
            case: case.to_owned(),
            metric: metric.to_owned(),
            unit: "packets/s".to_owned(),
            value,
            spread: 0.0,
            baseline: ratio.map(|ratio| Baseline { name: "none".to_owned(), value: value / ratio }),
            ratio,
            bar: None,
            pass: None,
            rounds: vec![value],
        }
    }

    #[test]
    fn each_has_a_row_and_each_size_a_column() {
        let results = [
            figure("first/none/1-policies", "rate", 400.0, None),
            figure("first/ours/1-policies", "rate", 300.0, Some(0.75)),
            figure("first/ours/1-policies", "rate against nftables", 300.0, Some(0.5)),
            figure("first/ours/10-policies", "rate", 200.0, Some(0.5)),
        ];
        let wanted = "| first [packets/s] | 1 policy | 10 policies |\n|---|---:|---:|\n| none | 400 |  |\n\
            | ours | 300 (0.75 ×) | 200 (0.50 ×) |\n\n";
        assert_eq!(pivots("rivals", &results).as_deref(), Some(wanted));
        assert_eq!(pivots("packet", &results), None);
        assert_eq!(losses(&results), ["first, 1 policy: nftables has 2.00 × of ours"]);
    }

    #[test]
    fn what_grows_with_a_cluster_has_a_column_for_each_size() {
        let results = [
            figure("last-write/label/10-policies-100-pods", "p50", 2.0, None),
            figure("last-write/label/100-policies-1000-pods", "p50", 4.0, None),
            figure("wait-for-programs", "time", 4.0, Some(0.1)),
        ];
        let wanted = "| last-write [packets/s] | 10 policies 100 pods | 100 policies 1000 pods |\n\
            |---|---:|---:|\n| label, p50 | 2.00 | 4.00 |\n\n";
        assert_eq!(pivots("control", &results).as_deref(), Some(wanted));
    }

    #[test]
    fn a_quicker_change_of_a_rival_is_a_loss() {
        let results = [figure("change/nftables/1-policies", "time", 2.0, Some(0.4))];
        assert_eq!(losses(&results), ["change, 1 policy: nftables takes 0.40 × of ours"]);
    }
}
