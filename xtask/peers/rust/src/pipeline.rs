//! Items that pass through stages, a bounded channel before, between and after them.

use std::time::Instant;

use tokio::sync::mpsc::{self, Receiver};

use crate::protocol::Outcome;
use crate::queue::sum;

const STAGES: usize = 3;

/// A task for the source, for each stage and for the collector.
#[tokio::main]
pub async fn mpsc(items: u32, capacity: usize, job: fn(u64) -> u64) -> Outcome {
    let start = Instant::now();
    let (first, mut last) = mpsc::channel(capacity);
    tokio::spawn(async move {
        for item in 0..u64::from(items) {
            first.send(item).await.unwrap();
        }
    });
    for _ in 0..STAGES {
        last = stage(last, capacity, job);
    }
    let collector = tokio::spawn(sum(last));
    Outcome::timed(collector.await.unwrap(), start.elapsed())
}

fn stage(mut before: Receiver<u64>, capacity: usize, job: fn(u64) -> u64) -> Receiver<u64> {
    let (to, after) = mpsc::channel(capacity);
    tokio::spawn(async move {
        while let Some(item) = before.recv().await {
            to.send(job(item)).await.unwrap();
        }
    });
    after
}
