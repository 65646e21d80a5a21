//! The result of one run of a workload.

use std::time::Duration;

/// The answer of one run of a workload, and its measures.
#[derive(Default)]
pub(super) struct Measured {
    pub(super) answer: u64,
    pub(super) ms: Option<f64>,
    pub(super) bytes_each: Option<u64>,
    /// Percentiles, with the largest latency in µs up to the percentile.
    pub(super) latency: Vec<(f64, f64)>,
}

pub(super) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
