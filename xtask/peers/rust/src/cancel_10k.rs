//! Tasks that would sleep for an hour, and how long it takes to be rid of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::protocol::Outcome;

#[tokio::main]
pub async fn join_set(items: u32) -> Outcome {
    let begun = Arc::new(Semaphore::new(0));
    let mut jobs = JoinSet::new();
    for _ in 0..items {
        let begun = begun.clone();
        jobs.spawn(async move {
            begun.add_permits(1);
            sleep(Duration::from_secs(3600)).await;
        });
    }
    let _all = begun.acquire_many(items).await.unwrap();

    let start = Instant::now();
    jobs.abort_all();
    let mut cancelled = 0;
    while let Some(end) = jobs.join_next().await {
        cancelled += u64::from(end.is_err_and(|end| end.is_cancelled()));
    }
    Outcome::timed(cancelled, start.elapsed())
}
