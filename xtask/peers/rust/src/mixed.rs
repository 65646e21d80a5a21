//! Jobs of which most do nothing, some sleep, and a few compute.
//!
//! Besides the total time, the subjects report the time of jobs that do nothing, from the first step of a job until its
//! output is received.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::{Semaphore, mpsc};

use crate::fanout_cpu::hash;
use crate::protocol::Outcome;
use crate::times::Times;

/// The limit of concurrent jobs, and the capacity for outputs.
const AT_ONCE: usize = 1_000;

/// Of 1,000 jobs, one computes for 2 ms, 100 sleep for 1 to 5 ms, and the others do nothing and return their start
/// time.
async fn job(item: u64) -> (u64, Option<Instant>) {
    match item % 1_000 {
        500 => ((0..100).fold(item, |hashed, _| hash(hashed)), None),
        place if place % 10 == 3 => {
            tokio::time::sleep(Duration::from_millis(1 + place / 10 % 5)).await;
            (item, None)
        }
        _ => (item, Some(Instant::now())),
    }
}

#[tokio::main]
pub async fn buffer_unordered(items: u32) -> Outcome {
    let start = Instant::now();
    let outputs = stream::iter(0..items.into()).map(job).buffer_unordered(AT_ONCE);
    tokio::spawn(timed(start, outputs)).await.unwrap()
}

/// A task per item, spawned once its permit is acquired, and a channel for the outputs.
#[tokio::main]
pub async fn semaphore(items: u32) -> Outcome {
    let start = Instant::now();
    let (results, mut outputs) = mpsc::channel(AT_ONCE);
    tokio::spawn(async move {
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        for item in 0..items.into() {
            let permit = permits.clone().acquire_owned().await.unwrap();
            let results = results.clone();
            tokio::spawn(async move {
                let _permit = permit;
                let _ = results.send(job(item).await).await;
            });
        }
    });
    let outputs = stream::poll_fn(move |cx| outputs.poll_recv(cx));
    tokio::spawn(timed(start, outputs)).await.unwrap()
}

async fn timed(start: Instant, outputs: impl Stream<Item = (u64, Option<Instant>)>) -> Outcome {
    let mut outputs = std::pin::pin!(outputs);
    let (mut sum, mut times) = (0_u64, Times::new());
    while let Some((value, begun)) = outputs.next().await {
        if let Some(begun) = begun {
            times.record(begun.elapsed());
        }
        sum = sum.wrapping_add(value);
    }
    Outcome::timed(sum, start.elapsed()).with_times(&times)
}
