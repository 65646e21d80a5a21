//! Jobs that wait 1 ms, ten thousand at once.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Semaphore, mpsc};

use crate::io_10k::io_job;
use crate::protocol::Outcome;

const AT_ONCE: usize = 10_000;

/// A task per item, spawned once its permit is acquired, and a channel for the outputs.
#[tokio::main]
pub async fn semaphore(items: u32) -> Outcome {
    let start = Instant::now();
    let (outputs, mut collected) = mpsc::channel(AT_ONCE);
    tokio::spawn(async move {
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        for item in 0..items.into() {
            let permit = permits.clone().acquire_owned().await.unwrap();
            let outputs = outputs.clone();
            tokio::spawn(async move {
                let _permit = permit;
                let _ = outputs.send(io_job(item).await).await;
            });
        }
    });

    let mut sum = 0;
    while let Some(output) = collected.recv().await {
        sum += output;
    }
    Outcome::timed(sum, start.elapsed()).with_peak()
}
