//! Tasks that share a few permits.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::protocol::Outcome;

const TASKS: u32 = 100;
const PERMITS: usize = 3;

/// Every task acquires, counts and releases, repeatedly.
#[tokio::main]
pub async fn acquire(items: u32) -> Outcome {
    let start = Instant::now();
    let permits = Arc::new(Semaphore::new(PERMITS));
    let tasks: JoinSet<u64> = (0..TASKS)
        .map(|_| {
            let permits = permits.clone();
            async move {
                let mut acquired = 0;
                for _ in 0..items / TASKS {
                    let _permit = permits.acquire().await.unwrap();
                    acquired += 1;
                }
                acquired
            }
        })
        .collect();
    Outcome::timed(tasks.join_all().await.into_iter().sum(), start.elapsed())
}
