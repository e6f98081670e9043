//! Collects measurements, shows each as it comes, and says in the end which bars were missed.

use std::io::{self, Write as _};

use super::{
    result::{Bar, Baseline, Measurement},
    statistics::{middle, quantile},
};

/// The measurements of a suite.
pub(super) struct Recorder {
    suite: &'static str,
    only: Option<String>,
    results: Vec<Measurement>,
}

/// What was measured, without its figures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figure<'a> {
    /// The case.
    pub(super) case: &'a str,
    /// The metric.
    pub(super) metric: &'a str,
    /// Its unit.
    pub(super) unit: &'a str,
    /// What it should reach.
    pub(super) bar: Option<Bar>,
}

impl Recorder {
    /// Nothing measured yet. With `only`, cases are taken whose name contains it.
    #[must_use]
    pub(super) fn new(suite: &'static str, only: Option<&str>) -> Self {
        println!("{:<52} {:>10} {:>8}  {:<30} {:>7}  bar", "case", "value", "spread", "against", "ratio");
        Self { suite, only: only.map(str::to_owned), results: Vec::new() }
    }

    /// Whether a case is to be measured.
    #[must_use]
    pub(super) fn wants(&self, case: &str) -> bool {
        self.only.as_ref().is_none_or(|only| case.contains(only.as_str()))
    }

    /// Whether any case whose name begins so is to be measured: sparing the preparation of the others.
    #[must_use]
    pub(super) fn wants_any(&self, cases: &[String]) -> bool {
        cases.iter().any(|case| self.wants(case))
    }

    /// Notes a figure by its rounds, against a baseline's rounds.
    ///
    /// # Errors
    /// When it cannot be shown.
    pub(super) fn note(
        &mut self,
        figure: Figure<'_>,
        rounds: Vec<f64>,
        baseline: Option<(&str, &[f64])>,
    ) -> io::Result<()> {
        let value = middle(&rounds).0;
        self.put(figure, value, rounds, baseline)
    }

    /// The same of a quantile instead of the middle.
    ///
    /// # Errors
    /// When it cannot be shown.
    pub(super) fn note_at(&mut self, figure: Figure<'_>, at: f64, rounds: Vec<f64>) -> io::Result<()> {
        let mut sorted = rounds.clone();
        sorted.sort_by(f64::total_cmp);
        self.put(figure, quantile(&sorted, at), rounds, None)
    }

    fn put(
        &mut self,
        figure: Figure<'_>,
        value: f64,
        rounds: Vec<f64>,
        baseline: Option<(&str, &[f64])>,
    ) -> io::Result<()> {
        let spread = middle(&rounds).1;
        let ratio = baseline.map(|(_, base)| {
            let ratios: Vec<f64> = rounds.iter().zip(base).map(|(own, base)| own / base).collect();
            middle(&ratios).0
        });
        let baseline = baseline.map(|(name, base)| Baseline { name: name.to_owned(), value: middle(base).0 });
        let Figure { case, metric, unit, bar } = figure;
        let pass = bar.map(|bar| bar.is_reached(value, ratio));
        let measurement = Measurement {
            suite: self.suite.to_owned(),
            case: case.to_owned(),
            metric: metric.to_owned(),
            unit: unit.to_owned(),
            value,
            spread,
            baseline,
            ratio,
            bar,
            pass,
            rounds,
        };
        show(&measurement)?;
        self.results.push(measurement);
        Ok(())
    }

    /// All of them.
    #[must_use]
    pub(super) fn finish(self) -> Vec<Measurement> {
        self.results
    }
}

fn show(it: &Measurement) -> io::Result<()> {
    let name = format!("{} {}", it.case, if it.metric == "cost" { "" } else { &it.metric });
    let against =
        it.baseline.as_ref().map_or(String::new(), |base| format!("{} {:.1}", base.name, base.value));
    let ratio = it.ratio.map_or(String::new(), |ratio| format!("{ratio:.2} ×"));
    let bar = match (it.bar, it.pass) {
        (Some(bar), Some(true)) => format!("{bar} passed"),
        (Some(bar), _) => format!("{bar} MISSED"),
        (None, _) => String::new(),
    };
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{name:<52} {:>10.1} {:>8.1}  {against:<30} {ratio:>7}  {bar}  [{}]",
        it.value, it.spread, it.unit
    )?;
    out.flush()
}
