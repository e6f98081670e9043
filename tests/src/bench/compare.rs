//! Two runs side by side: what has become worse. Ratios are compared where there are any, since times of two
//! machines, or of one on two days, say little.

use std::collections::BTreeMap;

use super::{
    Conclusion,
    result::{Bar, Measurement, Results},
};

/// Worse by less than this is noise on the machines that we know.
const NOISE: f64 = 0.10;

/// Prints what changed by more than noise.
///
/// # Errors
/// When the files have nothing in common.
pub(super) fn run(old: &Results, new: &Results) -> anyhow::Result<Conclusion> {
    let key = |it: &Measurement| (it.suite.clone(), it.case.clone(), it.metric.clone());
    let before: BTreeMap<_, _> = old.results.iter().map(|it| (key(it), it)).collect();
    let mut compared = 0;
    let mut worse = 0;
    println!("{} ({}) against {} ({})", new.commit, new.kernel, old.commit, old.kernel);
    for it in &new.results {
        let Some(earlier) = before.get(&key(it)) else { continue };
        compared += 1;
        let Some(change) = change(earlier, it) else { continue };
        if change.abs() > NOISE {
            let word = if change > 0.0 { "worse" } else { "better" };
            println!("{} {}: {:.0} % {word}", it.case, it.metric, change.abs() * 100.0);
        }
        worse += usize::from(change > NOISE);
    }
    anyhow::ensure!(compared > 0, "the files have no measurement in common");
    println!("{compared} compared, {worse} worse by more than {:.0} %", NOISE * 100.0);
    Ok(if worse > 0 { Conclusion::Regressed } else { Conclusion::Done })
}

/// By how much it became worse; negative when better, `None` when there is nothing to compare.
fn change(old: &Measurement, new: &Measurement) -> Option<f64> {
    let (before, after) = match (old.ratio, new.ratio) {
        (Some(before), Some(after)) => (before, after),
        (None, None) => (old.value, new.value),
        _ => return None,
    };
    if before <= 0.0 || after <= 0.0 {
        return None;
    }
    let more_is_better = matches!(new.bar, Some(Bar::RatioAtLeast(_))) || new.unit.ends_with("/s");
    Some(if more_is_better { before / after - 1.0 } else { after / before - 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(unit: &str, value: f64, ratio: Option<f64>) -> Measurement {
        Measurement {
            suite: "s".to_owned(),
            case: "c".to_owned(),
            metric: "m".to_owned(),
            unit: unit.to_owned(),
            value,
            spread: 0.0,
            baseline: None,
            ratio,
            bar: None,
            pass: None,
            rounds: vec![value],
        }
    }

    #[test]
    fn a_ratio_counts_before_a_time_and_a_rate_the_other_way_round() {
        let change = |unit, old: (f64, Option<f64>), new: (f64, Option<f64>)| {
            change(&figure(unit, old.0, old.1), &figure(unit, new.0, new.1)).map(|it| (it * 100.0).round())
        };
        assert_eq!(change("ns/packet", (50.0, Some(1.0)), (500.0, Some(1.2))), Some(20.0));
        assert_eq!(change("ns/packet", (50.0, None), (60.0, None)), Some(20.0));
        assert_eq!(change("packets/s", (50.0, None), (100.0, None)), Some(-50.0));
        assert_eq!(change("ns/packet", (50.0, Some(1.0)), (50.0, None)), None);
    }
}
