//! Plots of what grows: cases whose name ends in a number of something are points of one line.

use std::collections::BTreeMap;

use anyhow::anyhow;
use plotters::prelude::*;

use crate::bench::result::{Measurement, Results};

/// Above this quotient of the largest and the smallest figure the axis is logarithmic.
const MOST_LINEAR: f64 = 20.0;

/// Lines over one kind of size.
pub(super) struct Plot {
    /// Its file's name, without extension.
    pub(super) name: String,
    unit: String,
    size: String,
    /// Points (size, figure) by name.
    lines: BTreeMap<String, Vec<(f64, f64)>>,
}

/// A case as a point: `growth/rules/first/4096` is at 4096 on the line `first` of the plot `growth-rules`; what follows
/// the number says of what.
fn point(it: &Measurement) -> Option<(String, String, String, f64)> {
    let (rest, last) = it.case.rsplit_once('/')?;
    let (number, of) = last.split_once('-').unwrap_or((last, ""));
    let size: f64 = number.parse().ok()?;
    // `10-policies-100-pods` grows by policies.
    let of: Vec<&str> = of.split('-').take_while(|word| word.parse::<f64>().is_err()).collect();
    let (plot, line) = rest.rsplit_once('/').unwrap_or((rest, it.metric.as_str()));
    // What is measured of one thing in several ways is a line for each. The same beside somebody else's is the same.
    let is_plain = ["cost", "rate", "time", "count"].contains(&it.metric.as_str())
        || it.metric.starts_with("rate against");
    let line = if is_plain || line == it.metric { line.to_owned() } else { format!("{line}, {}", it.metric) };
    Some((plot.replace('/', "-"), line, of.join(" "), size))
}

/// A figure at the axis.
fn short(value: f64) -> String {
    if value >= 10.0 || value == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

/// What is drawn: of a rate, the time that one takes.
fn cost(it: &Measurement) -> (String, f64) {
    match it.unit.strip_suffix("s/s") {
        Some(one) if it.value > 0.0 => (format!("µs/{one}"), 1e6 / it.value),
        _ => (it.unit.clone(), it.value),
    }
}

/// Every plot that the files have points for, two sizes at least.
pub(super) fn plots(files: &[Results]) -> Vec<Plot> {
    let mut plots: BTreeMap<(String, String), Plot> = BTreeMap::new();
    for it in files.iter().flat_map(|file| &file.results) {
        let Some((name, line, size, at)) = point(it) else { continue };
        let key = (name.clone(), it.unit.clone());
        let (unit, value) = cost(it);
        let plot = plots.entry(key).or_insert_with(|| Plot {
            name: format!("{}-{name}", it.suite),
            unit,
            size: if size.is_empty() { name.rsplit('-').next().unwrap_or("size").to_owned() } else { size },
            lines: BTreeMap::new(),
        });
        plot.lines.entry(line).or_default().push((at, value));
    }
    let mut plots: Vec<Plot> = plots.into_values().collect();
    for plot in &mut plots {
        for line in plot.lines.values_mut() {
            line.sort_by(|one, other| one.0.total_cmp(&other.0));
            // A figure that is compared twice is one point.
            line.dedup();
        }
        plot.lines.retain(|_, line| line.len() > 1);
    }
    plots.retain(|plot| !plot.lines.is_empty());
    plots
}

impl Plot {
    /// The plot as SVG.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub(super) fn draw(&self) -> anyhow::Result<String> {
        let mut text = String::new();
        {
            let area = SVGBackend::with_string(&mut text, (760, 420)).into_drawing_area();
            self.draw_on(&area).map_err(|error| anyhow!("{}: {error}", self.name))?;
            area.present().map_err(|error| anyhow!("{}: {error}", self.name))?;
        }
        Ok(text)
    }

    fn draw_on<DB: DrawingBackend>(
        &self,
        area: &DrawingArea<DB, plotters::coord::Shift>,
    ) -> Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
        let points = || self.lines.values().flatten();
        let (first, last) =
            points().fold((f64::MAX, f64::MIN), |(low, high), (x, _)| (low.min(*x), high.max(*x)));
        let (least, most) =
            points().fold((f64::MAX, 0.0_f64), |(least, most), (_, y)| (least.min(*y), most.max(*y)));
        // Lines that are far from each other are all told apart on a logarithmic axis only. The axis itself is linear, of
        // logarithms: what a chart is made of would be of another type else.
        let spread = least > 0.0 && most / least > MOST_LINEAR;
        let (bottom, top) =
            if spread { (least.log10() - 0.1, most.log10() + 0.9) } else { (0.0, most * 1.4) };
        let height = move |y: f64| if spread { y.log10() } else { y };
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(area)
            .margin(14)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d((first..last).log_scale(), bottom..top)?;
        chart
            .configure_mesh()
            .x_desc(format!("{} (logarithmic)", self.size))
            .y_desc(if spread { format!("{} (logarithmic)", self.unit) } else { self.unit.clone() })
            .light_line_style(WHITE)
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&move |y| if spread { short(10_f64.powf(*y)) } else { short(*y) })
            .draw()?;
        for (number, (name, line)) in self.lines.iter().enumerate() {
            let own = name == "ours";
            let colour = if own { BLACK.to_rgba() } else { Palette99::pick(number).to_rgba() };
            let stroke = colour.stroke_width(if own { 4 } else { 2 });
            chart
                .draw_series(
                    LineSeries::new(line.iter().map(|(x, y)| (*x, height(*y))), stroke).point_size(3),
                )?
                .label(name.as_str())
                .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], stroke));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.3))
            .draw()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(case: &str, value: f64) -> Measurement {
        Measurement {
            suite: "packet".to_owned(),
            case: case.to_owned(),
            metric: "cost".to_owned(),
            unit: "ns/packet".to_owned(),
            value,
            spread: 0.0,
            baseline: None,
            ratio: None,
            bar: None,
            pass: None,
            rounds: vec![value],
        }
    }

    #[test]
    fn cases_that_end_in_numbers_are_lines_in_their_order() -> anyhow::Result<()> {
        let cases = [
            ("g/rules/first/100", 3.0),
            ("g/rules/first/1", 2.0),
            ("g/rules/old/1-rules-2-pods", 9.0),
            ("size/to_pod", 1.0),
        ];
        let results = cases.map(|(case, value)| figure(case, value)).to_vec();
        let file = Results {
            machine: crate::bench::result::Machine {
                cpu: String::new(),
                cpus: 1,
                memory_mib: 1,
                platform: String::new(),
            },
            kernel: String::new(),
            commit: String::new(),
            versions: BTreeMap::new(),
            results,
        };
        let plots = plots(&[file]);
        assert_eq!(plots.iter().map(|plot| plot.name.as_str()).collect::<Vec<_>>(), ["packet-g-rules"]);
        let plot = plots.first().ok_or_else(|| anyhow!("no plot"))?;
        assert_eq!(
            point(&figure("g/rules/old/10-policies-2-pods", 1.0)).map(|(.., of, at)| (of, at)),
            Some(("policies".to_owned(), 10.0))
        );
        assert_eq!(plot.lines, BTreeMap::from([("first".to_owned(), vec![(1.0, 2.0), (100.0, 3.0)])]));
        assert!(plot.draw()?.contains("</svg>"));
        Ok(())
    }
}
