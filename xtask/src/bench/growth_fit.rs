//! The fit of the readings of a growing quantity: a line on logarithmic axes, its slope, and the slope that is too
//! much.
//!
//! The slope is the exponent: 1 is linear, 0 flat, 2 quadratic. The line is fitted by least squares to the part where
//! fixed costs (a runtime, a run's first spawn) do not dominate. That part begins with the first reading that is four
//! times the least reading: fixed costs are at most a quarter of such a reading. The part has at least the last three
//! values. If no reading is four times the least reading, the quantity is nearly flat, and all its values are fitted.
//!
//! A time is the least of all rounds, since a busy machine only adds to a time. A slope that is 0.25 above the slope of
//! n·log n at the same values is too much. Noise causes such a slope only if the largest value of two decades is three
//! times as slow in every round and the smallest value is not. The slope of a quadratic case is at least 0.5 above the
//! slope of n·log n.
//!
//! Memory is the median of the rounds. Memory that must be flat is fitted over the last two decades: at smaller values,
//! some threads may have had no work. A slope of 0.1 is then too much: 1.6 times the memory over two decades. One byte
//! an item is more.

use super::workloads::Unit;

const DOMINATED: f64 = 4.0;
const LEAST_POINTS: usize = 3;
const SLACK: f64 = 0.25;
const FLAT: f64 = 0.1;
const TWO_DECADES: f64 = 100.0;

pub struct Fit {
    /// The values, each with its reading.
    pub points: Vec<(f64, f64)>,
    /// The number of first points that the line leaves out.
    pub skipped: usize,
    pub exponent: f64,
    flat: bool,
}

impl Fit {
    /// Returns `None` for fewer than two points. With `flat`, the quantity must not grow at all.
    #[expect(clippy::cast_precision_loss, reason = "no value is so large")]
    pub fn of(points: Vec<(u64, f64)>, flat: bool) -> Option<Self> {
        let points: Vec<_> = points.into_iter().map(|(value, measured)| (value as f64, measured)).collect();
        let least = points.iter().map(|point| point.1).min_by(f64::total_cmp)?;
        let (end, _) = *points.last()?;
        let counts = |point: &(f64, f64)| {
            if flat { point.0 * TWO_DECADES >= end } else { point.1 >= DOMINATED * least }
        };
        let skipped = points.iter().position(counts).unwrap_or_default();
        let skipped = skipped.min(points.len().saturating_sub(LEAST_POINTS));
        let exponent = slope(points[skipped..].iter().copied())?;
        Some(Self { points, skipped, exponent, flat })
    }

    /// Returns the first value of the line.
    pub fn from(&self) -> f64 {
        self.points[self.skipped].0
    }

    /// Returns a description of the growth, if it is too fast.
    pub fn problem(&self) -> Option<String> {
        let (most, wanted) = if self.flat {
            (FLAT, "flat")
        } else {
            let log_linear = |&(value, _): &(f64, f64)| (value, value * (1.0 + value.log2()));
            (slope(self.points[self.skipped..].iter().map(log_linear))? + SLACK, "n·log n or better")
        };
        let exponent = self.exponent;
        (exponent > most).then(|| {
            format!("grows with exponent {exponent:.2}, which is over {most:.2} and so not {wanted}")
        })
    }
}

/// Returns the reading that represents all rounds: the least time, or the median of the memory.
pub fn typical(unit: Unit, mut measured: Vec<f64>) -> Option<f64> {
    measured.sort_by(f64::total_cmp);
    let at = if unit == Unit::Ms { 0 } else { measured.len() / 2 };
    measured.get(at).copied()
}

/// Returns the slope of the least-squares line on logarithmic axes.
#[expect(clippy::cast_precision_loss, reason = "there are a dozen points")]
fn slope(points: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    // No time is less than a nanosecond, and zero has no logarithm.
    let points: Vec<_> = points.map(|(x, y)| (x.ln(), y.max(1e-6).ln())).collect();
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / points.len() as f64;
    let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let (mut covariance, mut variance) = (0.0, 0.0);
    for (x, y) in points {
        covariance += (x - mean_x) * (y - mean_y);
        variance += (x - mean_x).powi(2);
    }
    (variance > 0.0).then(|| covariance / variance)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECADES: [u64; 5] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];

    #[expect(clippy::cast_precision_loss)]
    fn points(values: &[u64], measured: impl Fn(f64) -> f64) -> Vec<(u64, f64)> {
        values.iter().map(|&value| (value, measured(value as f64))).collect()
    }

    fn fit(values: &[u64], measured: impl Fn(f64) -> f64) -> Fit {
        Fit::of(points(values, measured), false).unwrap()
    }

    #[test]
    fn exponent_is_the_exponent_of_the_power() {
        for power in [0.0, 0.5, 1.0, 2.0] {
            let fit = fit(&DECADES, |n| 3.0 * n.powf(power));
            assert!((fit.exponent - power).abs() < 1e-9, "{power}: {}", fit.exponent);
        }
    }

    #[test]
    fn fixed_costs_are_left_out_of_the_line() {
        let fit = fit(&DECADES, |n| 100.0 + n / 1_000.0);
        assert!((0.8..1.0).contains(&fit.exponent), "{}", fit.exponent);
        assert!((fit.from() - 100_000.0).abs() < 1.0, "{}", fit.from());
    }

    #[test]
    fn growth_at_the_end_alone_is_seen() {
        let fit = fit(&DECADES, |n| 1_000.0 + n * n / 1e10);
        assert!(fit.skipped == 2 && fit.exponent > 0.5, "{} {}", fit.skipped, fit.exponent);
    }

    #[test]
    fn worse_than_n_log_n_is_a_problem_and_noise_is_none() {
        let ranges: [&[u64]; 3] = [&DECADES, &[1, 2, 4, 8, 16, 32], &[1, 2, 4, 8, 16]];
        for values in ranges {
            let is_problem = |measured: &dyn Fn(f64) -> f64| fit(values, measured).problem().is_some();
            assert!(is_problem(&|n| n * n));
            assert!(is_problem(&|n| 5.0 + n * n), "with a fixed cost");
            assert!(!is_problem(&|n| n));
            assert!(!is_problem(&|n| n * (1.0 + n.log2())));
            assert!(!is_problem(&|_| 7.0));
            let last = values[values.len() - 1];
            #[expect(clippy::cast_precision_loss)]
            let twice_at_the_end = |n: f64| if n < last as f64 { n } else { 2.0 * n };
            assert!(!is_problem(&twice_at_the_end));
        }
        let said = fit(&DECADES, |n| n * n).problem().unwrap();
        assert!(said.starts_with("grows with exponent 2.00, which is over 1."), "{said}");
    }

    #[test]
    fn byte_per_item_is_not_flat_and_a_tenth_is() {
        let problem = |points| Fit::of(points, true).unwrap().problem();
        let mib = |bytes: f64| move |n: f64| 3.8 + bytes * n / (1024.0 * 1024.0);
        assert!(problem(points(&DECADES, mib(1.0))).unwrap().ends_with("not flat"));
        assert!(problem(points(&DECADES, mib(0.0))).is_none());
        let noise = DECADES.into_iter().zip([1.0, 3.8, 3.5, 4.0, 4.1]).collect();
        assert!(problem(noise).is_none());
    }

    #[test]
    fn least_time_and_the_median_of_the_memory_count() {
        assert_eq!(typical(Unit::Ms, vec![3.0, 1.0, 2.0]), Some(1.0));
        assert_eq!(typical(Unit::Mib, vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(typical(Unit::Ms, Vec::new()), None);
        assert!(Fit::of(vec![(1, 1.0)], true).is_none());
    }
}
