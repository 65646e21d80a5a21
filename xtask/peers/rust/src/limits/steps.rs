//! The steps of each item that no subject can leave out: a poll, the job's own computation, a permit acquired and
//! released.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::FutureExt;

use super::on_each_core;
use crate::fanout_cpu::hash;
use crate::fanout_noop::noop;
use crate::protocol::Outcome;

/// Makes each job and polls it once, on all cores.
pub fn polls(items: u32) -> Outcome {
    on_each_core(items, |part| part.map(polled).sum())
}

/// Polls a job of each of three stages, one item after another on one thread: a stage has one job at a time.
pub fn polls_in_stages(items: u32) -> Outcome {
    let start = Instant::now();
    let sum = (0..items.into()).map(polled).map(polled).map(polled).sum();
    Outcome::timed(sum, start.elapsed())
}

/// Polls a job. The optimizer knows neither the job nor its output.
fn polled(item: u64) -> u64 {
    black_box(noop(black_box(item)).now_or_never().unwrap_or_default())
}

/// Computes on all cores, without a job.
pub fn hashing(items: u32) -> Outcome {
    on_each_core(items, |part| part.map(hash).fold(0, u64::wrapping_add))
}

/// Takes an uncontended permit and returns the permit, two compare-and-swaps, on all cores.
pub fn compare_and_swap(items: u32) -> Outcome {
    on_each_core(items, |part| {
        let permits = AtomicU64::new(1);
        let swap = |from, to| {
            black_box(&permits).compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        };
        part.map(|_| u64::from(swap(1, 0) && swap(0, 1))).sum()
    })
}
