//! Jobs that would sleep for an hour, and the time until the last of them is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{JoinQueue, TaskTracker};

use crate::in_one_task;
use crate::protocol::Outcome;

/// Counts the started jobs, and the dropped jobs.
struct Sleepers {
    begun: Arc<Semaphore>,
    gone: Arc<AtomicU64>,
}

struct CountOnDrop(Arc<AtomicU64>);

impl Drop for CountOnDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Sleepers {
    fn new() -> Self {
        Self { begun: Arc::new(Semaphore::new(0)), gone: Arc::default() }
    }

    fn job(&self) -> impl Future<Output = u64> + Send + use<> {
        let (begun, gone) = (self.begun.clone(), CountOnDrop(self.gone.clone()));
        async move {
            let _gone = gone;
            begun.add_permits(1);
            sleep(Duration::from_secs(3600)).await;
            0
        }
    }

    async fn all_sleep(&self, items: u32) {
        self.begun.acquire_many(items).await.unwrap().forget();
    }

    fn outcome(&self, elapsed: Duration) -> Outcome {
        Outcome::timed(self.gone.load(Ordering::SeqCst), elapsed)
    }
}

fn is_cancelled(end: &Result<u64, JoinError>) -> bool {
    end.as_ref().is_err_and(JoinError::is_cancelled)
}

#[tokio::main]
pub async fn spawn(items: u32) -> Outcome {
    let sleepers = Sleepers::new();
    let handles: Vec<_> = (0..items).map(|_| tokio::spawn(sleepers.job())).collect();
    sleepers.all_sleep(items).await;

    let start = Instant::now();
    for handle in &handles {
        handle.abort();
    }
    for handle in handles {
        assert!(is_cancelled(&handle.await));
    }
    sleepers.outcome(start.elapsed())
}

#[tokio::main]
pub async fn join_set(items: u32) -> Outcome {
    let sleepers = Sleepers::new();
    let mut jobs: JoinSet<u64> = (0..items).map(|_| sleepers.job()).collect();
    sleepers.all_sleep(items).await;

    let start = Instant::now();
    jobs.abort_all();
    while let Some(end) = jobs.join_next().await {
        assert!(is_cancelled(&end));
    }
    sleepers.outcome(start.elapsed())
}

#[tokio::main]
pub async fn join_queue(items: u32) -> Outcome {
    let sleepers = Sleepers::new();
    let mut jobs = JoinQueue::new();
    for _ in 0..items {
        jobs.spawn(sleepers.job());
    }
    sleepers.all_sleep(items).await;

    let start = Instant::now();
    jobs.abort_all();
    while let Some(end) = jobs.join_next().await {
        assert!(is_cancelled(&end));
    }
    sleepers.outcome(start.elapsed())
}

/// Every job checks the token itself.
#[tokio::main]
pub async fn task_tracker(items: u32) -> Outcome {
    let (sleepers, token, tracker) = (Sleepers::new(), CancellationToken::new(), TaskTracker::new());
    for _ in 0..items {
        let (job, token) = (sleepers.job(), token.clone());
        tracker.spawn(async move { token.run_until_cancelled(job).await });
    }
    tracker.close();
    sleepers.all_sleep(items).await;

    let start = Instant::now();
    token.cancel();
    tracker.wait().await;
    sleepers.outcome(start.elapsed())
}

#[tokio::main]
pub async fn buffer_unordered(items: u32) -> Outcome {
    let sleepers = Sleepers::new();
    let jobs = in_one_task::buffer_unordered(items, items as usize, |_| sleepers.job());
    dropped(items, &sleepers, jobs).await
}

#[tokio::main]
pub async fn futures_buffered(items: u32) -> Outcome {
    let sleepers = Sleepers::new();
    let jobs = in_one_task::futures_buffered(items, items as usize, |_| sleepers.job());
    dropped(items, &sleepers, jobs).await
}

#[tokio::main]
pub async fn futures_concurrency(items: u32) -> Outcome {
    let sleepers = Sleepers::new();
    let jobs = in_one_task::futures_concurrency(items, items as usize, |_| sleepers.job());
    dropped(items, &sleepers, jobs).await
}

#[tokio::main]
pub async fn roughage(items: u32) -> Outcome {
    let sleepers = Sleepers::new();
    let jobs = in_one_task::roughage(items, items as usize, |_| sleepers.job());
    dropped(items, &sleepers, jobs).await
}

/// Polls the jobs in this task until all of them sleep, and drops them.
async fn dropped(items: u32, sleepers: &Sleepers, jobs: impl Future<Output = u64>) -> Outcome {
    let mut jobs = Box::pin(jobs);
    tokio::select! {
        () = sleepers.all_sleep(items) => {}
        _ = &mut jobs => unreachable!("the jobs sleep for an hour"),
    }
    let start = Instant::now();
    drop(jobs);
    sleepers.outcome(start.elapsed())
}
