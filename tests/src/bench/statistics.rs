//! Medians, since a machine's noise is one-sided and a mean would follow it.

/// The middle of some figures, and half the distance between their quartiles. 0 of none.
#[must_use]
pub fn middle(figures: &[f64]) -> (f64, f64) {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let spread = (quantile(&sorted, 0.75) - quantile(&sorted, 0.25)) / 2.0;
    (quantile(&sorted, 0.5), spread)
}

/// A quantile of sorted figures, between neighbours by their distance; 0 of none.
#[must_use]
pub fn quantile(sorted: &[f64], at: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    #[expect(clippy::cast_precision_loss, reason = "numbers of rounds")]
    let place = at.clamp(0.0, 1.0) * last as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the list")]
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    match (sorted.get(below), sorted.get(above)) {
        (Some(low), Some(high)) => low + (high - low) * place.fract(),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_no_outliers_business() {
        assert_eq!(middle(&[3.0, 1.0, 1000.0, 2.0, 4.0]), (3.0, 1.0));
        assert_eq!(middle(&[1.0, 2.0]), (1.5, 0.25));
        assert_eq!(middle(&[]), (0.0, 0.0));
        assert!((quantile(&[0.0, 10.0], 0.9) - 9.0).abs() < 1e-9);
    }
}
