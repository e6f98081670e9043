//! Matrices as text. Column headings are steps: each on a line of its own, above its column.
//!
//! ```text
//!            ads:9555
//!            │ cart:7070
//!            │ │ checkout:5050
//! ads        - × ×
//! frontend   ● ● ●
//! ```

use std::collections::BTreeMap;

use enforcer::model::Protocol;

use super::{
    grid::{Grid, Place},
    matrix::Mark,
    style::{Style, Tone},
};

/// One matrix to print.
pub(super) struct Panel {
    /// Its title.
    pub(super) title: String,
    /// Its cells.
    pub(super) marks: BTreeMap<Place, Mark>,
}

const GAP: &str = "   ";

/// The panels side by side when the width allows, else one below another.
pub(super) fn render(grid: &Grid, panels: &[Panel], width: usize, style: Style) -> String {
    let headings = headings(grid);
    let labels = labels(grid);
    let label_width = labels.iter().map(|label| columns(label)).max().unwrap_or_default();
    let block = block_width(&headings, panels);
    let together = label_width + (GAP.len() + block) * panels.len() <= width;

    let groups: Vec<&[Panel]> = if together { vec![panels] } else { panels.chunks(1).collect() };
    let mut text = String::new();
    for group in groups {
        let mut line = " ".repeat(label_width);
        for panel in group {
            line.push_str(GAP);
            line.push_str(&padded(&panel.title, block, |title| style.paint(Tone::Strong, title)));
        }
        push(&mut text, &line);
        for (column, heading) in headings.iter().enumerate() {
            let mut line = " ".repeat(label_width);
            for _ in group {
                line.push_str(GAP);
                let steps = "│ ".repeat(column);
                let rest = block.saturating_sub(columns(&steps));
                line.push_str(&style.paint(Tone::Faint, &steps));
                line.push_str(&padded(heading, rest, str::to_owned));
            }
            push(&mut text, &line);
        }
        for (row, label) in labels.iter().enumerate() {
            let mut line = padded(label, label_width, str::to_owned);
            for panel in group {
                line.push_str(GAP);
                for column in 0..headings.len() {
                    let mark = panel.marks.get(&(row, column));
                    let symbol = mark.map_or(' ', |mark| mark.symbol).to_string();
                    line.push_str(&style.paint(mark.map_or(Tone::Faint, |mark| mark.tone), &symbol));
                    line.push(' ');
                }
                line.push_str(&" ".repeat(block.saturating_sub(2 * headings.len())));
            }
            push(&mut text, &line);
        }
        text.push('\n');
    }
    text
}

/// Service and port; the namespace where it is not the first row's.
fn headings(grid: &Grid) -> Vec<String> {
    let main = main_namespace(grid);
    let heading = |column: &super::column::Column| {
        let protocol = match column.protocol {
            Protocol::Tcp => "",
            Protocol::Udp => "/udp",
            Protocol::Sctp => "/sctp",
        };
        let place = qualified(main, &column.service.namespace, &column.service.name);
        format!("{place}:{}{protocol}", column.port)
    };
    grid.columns.iter().map(heading).collect()
}

/// Names of rows, as in the matrix.
pub(super) fn labels(grid: &Grid) -> Vec<String> {
    let main = main_namespace(grid);
    let label = |row: &super::row::Row| match row.sources.len() {
        0 | 1 => qualified(main, &row.namespace, &row.name),
        count => format!("{} ({count})", qualified(main, &row.namespace, &row.name)),
    };
    grid.rows.iter().map(label).collect()
}

/// Row and column of a cell, in words.
pub(super) fn names(grid: &Grid, (row, column): Place) -> Option<(String, String)> {
    Some((labels(grid).get(row)?.clone(), headings(grid).get(column)?.clone()))
}

/// The namespace whose name is left out.
pub(super) fn main_namespace(grid: &Grid) -> &str {
    grid.rows.first().map(|row| row.namespace.as_str()).unwrap_or_default()
}

fn qualified(main: &str, namespace: &str, name: &str) -> String {
    if namespace == main || namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

fn block_width(headings: &[String], panels: &[Panel]) -> usize {
    let steps = headings.iter().enumerate().map(|(column, heading)| 2 * column + columns(heading));
    let titles = panels.iter().map(|panel| columns(&panel.title));
    steps.chain(titles).chain([2 * headings.len()]).max().unwrap_or_default()
}

/// All characters used here are one column wide; names of Kubernetes objects are ASCII.
fn columns(text: &str) -> usize {
    text.chars().count()
}

fn padded(text: &str, width: usize, paint: impl FnOnce(&str) -> String) -> String {
    let missing = width.saturating_sub(columns(text));
    format!("{}{}", paint(text), " ".repeat(missing))
}

fn push(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}
