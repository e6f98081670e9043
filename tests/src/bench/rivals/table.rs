//! What came out, side by side: who is best at what, ours or not.

use std::fmt::Write as _;

use super::{load::Load, rounds::Rounds, variant::Variant};
use crate::bench::statistics::middle;

/// A column: what was measured, whether more of it is better, and its figures.
pub(super) struct Column {
    pub(super) title: String,
    pub(super) more_is_better: bool,
    pub(super) rounds: Rounds,
}

impl Column {
    /// Of a load.
    pub(super) fn of(load: Load, rounds: Rounds) -> Self {
        Self { title: format!("{} [{}]", load.name(), load.unit()), more_is_better: true, rounds }
    }

    fn value(&self, variant: Variant) -> Option<f64> {
        self.rounds.get(&variant).map(|rounds| middle(rounds).0)
    }

    /// The rivals that are better than ours here, with by how much.
    fn winners(&self) -> Vec<(Variant, f64)> {
        let Some(ours) = self.value(Variant::Ours) else { return Vec::new() };
        let better = |variant: Variant| {
            let its = self.value(variant)?;
            let ratio = if self.more_is_better { its / ours } else { ours / its };
            (ratio > 1.0).then_some((variant, ratio))
        };
        Variant::ALL.into_iter().filter(|variant| variant.is_rival()).filter_map(better).collect()
    }
}

/// The table of a size, and below it each place where a rival wins.
pub(super) fn render(policies: u16, columns: &[Column]) -> String {
    let mut text = format!("\n{:<18}", format!("{policies} policies"));
    for column in columns {
        put(&mut text, format_args!("{:>30}", column.title));
    }
    for variant in Variant::ALL {
        if columns.iter().all(|column| column.value(variant).is_none()) {
            continue;
        }
        put(&mut text, format_args!("\n{variant:<18}"));
        for column in columns {
            match column.value(variant) {
                Some(value) => put(&mut text, format_args!("{value:>30.1}")),
                None => put(&mut text, format_args!("{:>30}", "–")),
            }
        }
    }
    text.push('\n');
    for column in columns {
        for (variant, ratio) in column.winners() {
            put(&mut text, format_args!("{variant} is better than ours in {}: {ratio:.2} ×\n", column.title));
        }
    }
    text
}

/// Writing to a string cannot fail.
fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rival_that_wins_is_named() {
        let rounds = Rounds::from([
            (Variant::None, vec![300.0]),
            (Variant::Nftables, vec![120.0]),
            (Variant::Ours, vec![100.0]),
        ]);
        let column =
            |more_is_better| Column { title: "it".to_owned(), more_is_better, rounds: rounds.clone() };
        let text = render(10, &[column(true)]);
        assert!(text.contains("nftables is better than ours in it: 1.20 ×"), "{text}");
        assert!(!text.contains("none is better"), "{text}");
        assert!(!render(10, &[column(false)]).contains("is better"));
    }
}
