//! Further attempts after an error.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use towpath_fanout::{Fanout, Job, PatternExt, with_state};
use towpath_job::JobExt;
use towpath_job::backon::ExponentialBuilder;
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_semaphore::{Semaphore, WithPermit};

/// The first two attempts fail.
fn get() -> impl Job<u64, Out = u64> {
    with_state(AtomicU32::new(0), async |attempts: &AtomicU32, page: u64| {
        ensure!(attempts.fetch_add(1, Ordering::Relaxed) >= 2, "connection refused");
        Ok(page)
    })
}

/// Three retries, after 1, 2 and 4 seconds.
fn policy() -> ExponentialBuilder {
    ExponentialBuilder::default()
}

#[tokio::test(start_paused = true)]
async fn fanout() -> Result<()> {
    let pages = Fanout::new(1, get().retry(policy()));
    assert_eq!(pages.run([7, 8]).collect().await?, [7, 8]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pipeline() -> Result<()> {
    let pages = Pipeline::new(1, get().retry(policy())).then_stage(1, get().retry(policy()));
    assert_eq!(pages.run([7, 8]).collect().await?, [7, 8]);
    Ok(())
}

/// The job keeps its permit during the wait for the next attempt.
#[tokio::test(start_paused = true)]
async fn semaphore() -> Result<()> {
    let connections = Semaphore::new(1);
    let pages = WithPermit::new(2, &connections, get().retry(policy()).without_jitter());
    let run = pages.run([7, 8]);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(connections.available_permits(), 0, "the third attempt starts after three seconds");
    assert_eq!(run.collect().await?, [7, 8]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn producer_consumer() -> Result<()> {
    let pages = ProducerConsumer::items().consumers(1, get().retry(policy()));
    assert_eq!(pages.run([7, 8]).collect().await?, [7, 8]);
    Ok(())
}
