//! Jobs that do nothing, so that only the cost of distributing items and collecting outputs is measured.

use std::time::Instant;

use crate::in_one_task;
use crate::protocol::Outcome;

const AT_ONCE: usize = 16;

pub async fn noop(item: u64) -> u64 {
    item
}

#[tokio::main]
pub async fn buffer_unordered(items: u32) -> Outcome {
    let start = Instant::now();
    let sum = in_one_task::buffer_unordered(items, AT_ONCE, noop).await;
    Outcome::timed(sum, start.elapsed())
}

#[tokio::main]
pub async fn spawn(items: u32) -> Outcome {
    let start = Instant::now();
    let handles: Vec<_> = (0..items.into()).map(|item| tokio::spawn(noop(item))).collect();
    let mut sum = 0;
    for handle in handles {
        sum += handle.await.unwrap();
    }
    Outcome::timed(sum, start.elapsed())
}

#[tokio::main]
pub async fn futures_buffered(items: u32) -> Outcome {
    let start = Instant::now();
    let sum = in_one_task::futures_buffered(items, AT_ONCE, noop).await;
    Outcome::timed(sum, start.elapsed())
}

#[tokio::main]
pub async fn futures_concurrency(items: u32) -> Outcome {
    let start = Instant::now();
    let sum = in_one_task::futures_concurrency(items, AT_ONCE, noop).await;
    Outcome::timed(sum, start.elapsed())
}

#[tokio::main]
pub async fn roughage(items: u32) -> Outcome {
    let start = Instant::now();
    let sum = in_one_task::roughage(items, AT_ONCE, noop).await;
    Outcome::timed(sum, start.elapsed())
}
