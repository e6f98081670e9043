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

/// The panels side by side when the width allows, else one below another. Only the last of a line has
/// room for the names of the columns; the others have its steps.
pub(super) fn render(grid: &Grid, panels: &[Panel], width: usize, style: Style) -> String {
    let sheet = Sheet { headings: headings(grid), labels: labels(grid), style };
    let together = sheet.width(panels) <= width;
    let lines = if together { vec![panels] } else { panels.chunks(1).collect() };
    lines.into_iter().map(|panels| sheet.render(panels)).collect()
}

struct Sheet {
    headings: Vec<String>,
    labels: Vec<String>,
    style: Style,
}

impl Sheet {
    fn label_width(&self) -> usize {
        self.labels.iter().map(|label| columns(label)).max().unwrap_or_default()
    }

    /// Of the cells of a panel and the blank beside them.
    fn cells_width(&self, panel: &Panel) -> usize {
        columns(&panel.title).max(2 * self.headings.len()) + 1
    }

    fn width(&self, panels: &[Panel]) -> usize {
        let cells = panels.iter().map(|panel| self.cells_width(panel));
        let steps = self.headings.iter().enumerate().map(|(step, heading)| 2 * step + columns(heading));
        let names = steps.max().unwrap_or_default();
        let last = panels.last().map_or(0, |panel| self.cells_width(panel));
        self.label_width() + GAP.len() + cells.sum::<usize>() + names.saturating_sub(last)
    }

    fn render(&self, panels: &[Panel]) -> String {
        let mut lines = vec![self.line("", panels, |panel, _| {
            (columns(&panel.title), self.style.paint(Tone::Strong, &panel.title))
        })];
        for (step, heading) in self.headings.iter().enumerate() {
            lines.push(self.line("", panels, |_, is_last| {
                let steps = self.style.paint(Tone::Faint, &"│ ".repeat(step));
                let end = if is_last { heading.clone() } else { self.style.paint(Tone::Faint, "┌") };
                (2 * step + if is_last { columns(heading) } else { 1 }, steps + &end)
            }));
        }
        for (row, label) in self.labels.iter().enumerate() {
            lines.push(self.line(label, panels, |panel, _| {
                let cells = (0..self.headings.len()).map(|column| self.cell(panel, (row, column)));
                (2 * self.headings.len(), cells.collect())
            }));
        }
        lines.concat()
    }

    fn cell(&self, panel: &Panel, place: Place) -> String {
        let blank = Mark { symbol: ' ', tone: Tone::Faint };
        let mark = panel.marks.get(&place).copied().unwrap_or(blank);
        format!("{} ", self.style.paint(mark.tone, &mark.symbol.to_string()))
    }

    /// One line through all panels; `part` gives a panel's text with the width that it takes on screen.
    fn line(&self, label: &str, panels: &[Panel], part: impl Fn(&Panel, bool) -> (usize, String)) -> String {
        let mut line =
            label.to_owned() + &" ".repeat(self.label_width().saturating_sub(columns(label))) + GAP;
        for (index, panel) in panels.iter().enumerate() {
            let is_last = index + 1 == panels.len();
            let (width, text) = part(panel, is_last);
            line.push_str(&text);
            line.push_str(&" ".repeat(self.cells_width(panel).saturating_sub(width)));
        }
        line.truncate(line.trim_end().len());
        line + "\n"
    }
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

/// All characters used here are one column wide; names of Kubernetes objects are ASCII.
fn columns(text: &str) -> usize {
    text.chars().count()
}
