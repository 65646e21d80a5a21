//! Durations and percentiles.

use std::time::Duration;

use anyhow::Context;
use hdrhistogram::Histogram;

/// The percentiles of every subject, in every language.
const PERCENTILES: [f64; 14] =
    [0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.95, 99.99, 99.999, 100.0];

/// Durations in nanoseconds, with three digits.
pub(crate) struct Times(Histogram<u64>);

impl Times {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self(Histogram::new(3)?))
    }

    pub(crate) fn record(&mut self, time: Duration) -> anyhow::Result<()> {
        let nanoseconds = u64::try_from(time.as_nanos())?;
        self.0.record(nanoseconds).context("a time beyond the range of the histogram")
    }

    /// Returns the percentiles, with the durations in µs.
    pub(crate) fn points(&self) -> Vec<(f64, f64)> {
        let nanoseconds = |percentile| Duration::from_nanos(self.0.value_at_percentile(percentile));
        PERCENTILES.map(|percentile| (percentile, nanoseconds(percentile).as_secs_f64() * 1e6)).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_in_microseconds_and_three_digits_good() {
        let mut times = Times::new().unwrap();
        for microseconds in 1..=10_000 {
            times.record(Duration::from_micros(microseconds)).unwrap();
        }
        let points = times.points();
        assert_eq!(points.len(), PERCENTILES.len());
        for (percentile, found) in points {
            let wanted = (percentile * 100.0).max(1.0);
            assert!((found / wanted - 1.0).abs() < 0.002, "p{percentile} is {found} µs, not {wanted}");
        }
    }
}
