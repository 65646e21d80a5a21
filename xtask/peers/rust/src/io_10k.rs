//! Jobs that wait 1 ms, all of them at once.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_util::task::JoinQueue;

use crate::in_one_task;
use crate::protocol::Outcome;

pub const AT_ONCE: usize = 10_000;

/// Simulates a call over the network.
pub async fn io_job(item: u64) -> u64 {
    tokio::time::sleep(Duration::from_millis(1)).await;
    item
}

#[tokio::main]
pub async fn spawn(items: u32) -> Outcome {
    let start = Instant::now();
    let handles: Vec<_> = (0..items.into()).map(|item| tokio::spawn(io_job(item))).collect();
    let mut sum = 0;
    for handle in handles {
        sum += handle.await.unwrap();
    }
    Outcome::timed(sum, start.elapsed()).with_peak()
}

#[tokio::main]
pub async fn join_set(items: u32) -> Outcome {
    let start = Instant::now();
    let jobs: JoinSet<u64> = (0..items.into()).map(io_job).collect();
    let sum = jobs.join_all().await.iter().sum();
    Outcome::timed(sum, start.elapsed()).with_peak()
}

#[tokio::main]
pub async fn buffer_unordered(items: u32) -> Outcome {
    let start = Instant::now();
    let sum = in_one_task::buffer_unordered(items, AT_ONCE, io_job).await;
    Outcome::timed(sum, start.elapsed()).with_peak()
}

/// The outputs come in the order of the items.
#[tokio::main]
pub async fn join_queue(items: u32) -> Outcome {
    let start = Instant::now();
    let mut jobs = JoinQueue::new();
    for item in 0..items.into() {
        jobs.spawn(io_job(item));
    }
    let sum = jobs.join_all().await.iter().sum();
    Outcome::timed(sum, start.elapsed()).with_peak()
}

#[tokio::main]
pub async fn futures_buffered(items: u32) -> Outcome {
    let start = Instant::now();
    let sum = in_one_task::futures_buffered(items, AT_ONCE, io_job).await;
    Outcome::timed(sum, start.elapsed()).with_peak()
}

#[tokio::main]
pub async fn futures_concurrency(items: u32) -> Outcome {
    let start = Instant::now();
    let sum = in_one_task::futures_concurrency(items, AT_ONCE, io_job).await;
    Outcome::timed(sum, start.elapsed()).with_peak()
}

#[tokio::main]
pub async fn roughage(items: u32) -> Outcome {
    let start = Instant::now();
    let sum = in_one_task::roughage(items, AT_ONCE, io_job).await;
    Outcome::timed(sum, start.elapsed()).with_peak()
}
