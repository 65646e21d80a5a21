//! The result of one run of a workload.

use std::time::Duration;

/// The answer of one run of a workload, and its measures.
#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) answer: u64,
    pub(crate) ms: Option<f64>,
    pub(crate) bytes_each: Option<u64>,
    /// Percentiles, with the largest latency in µs up to the percentile.
    pub(crate) latency: Vec<(f64, f64)>,
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
