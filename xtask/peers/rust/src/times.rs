//! The times of many items, and their reported percentiles.

use std::time::Duration;

use hdrhistogram::Histogram;

/// The percentiles that every subject reports, in all languages.
const PERCENTILES: [f64; 14] =
    [0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.95, 99.99, 99.999, 100.0];

/// Durations in nanoseconds, with three digits.
pub struct Times(Histogram<u64>);

impl Times {
    pub fn new() -> Self {
        Self(Histogram::new(3).unwrap())
    }

    pub fn record(&mut self, time: Duration) {
        self.0.record(u64::try_from(time.as_nanos()).unwrap()).unwrap();
    }

    /// Returns each percentile, with the largest time in µs of that part of the durations.
    pub fn points(&self) -> Vec<(f64, f64)> {
        let nanoseconds = |percentile| Duration::from_nanos(self.0.value_at_percentile(percentile));
        PERCENTILES.map(|percentile| (percentile, nanoseconds(percentile).as_secs_f64() * 1e6)).to_vec()
    }
}
