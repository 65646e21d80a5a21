//! Jobs that wait 1 ms, all of them at once.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use tokio::task::JoinSet;

use crate::protocol::Outcome;

pub const AT_ONCE: usize = 10_000;

/// Stands for a call over the network.
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
    let sum = stream::iter(0..items.into())
        .map(io_job)
        .buffer_unordered(AT_ONCE)
        .fold(0, async |sum, output| sum + output)
        .await;
    Outcome::timed(sum, start.elapsed()).with_peak()
}
