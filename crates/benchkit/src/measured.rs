//! The result of a run.

use std::time::Duration;

/// The answer and the measures of a run of a workload.
#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) answer: u64,
    pub(crate) ms: Option<f64>,
    pub(crate) bytes_each: Option<u64>,
    /// The percentiles, with the latencies in µs.
    pub(crate) latency: Vec<(f64, f64)>,
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
