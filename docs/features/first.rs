//! The first success of several jobs; the other jobs are cancelled.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};
use towpath_fanout::{Fanout, OnFailure, PatternExt};
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

const SECOND: Duration = Duration::from_secs(1);

async fn ask(seconds: u64) -> Result<u64> {
    ensure!(seconds > 0, "no route");
    sleep(Duration::from_secs(seconds)).await;
    Ok(seconds)
}

#[tokio::test(start_paused = true)]
async fn fanout() -> Result<()> {
    let start = Instant::now();
    let asks = Fanout::new(3, ask);
    assert_eq!(asks.on_failure(OnFailure::Continue).run([0, 60, 2]).first().await?, Some(2));
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pipeline() -> Result<()> {
    let start = Instant::now();
    let asks = Pipeline::new(3, ask).then_stage(3, |seconds: u64| async move { Ok(seconds) });
    assert_eq!(asks.on_failure(OnFailure::Continue).run([0, 60, 2]).first().await?, Some(2));
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn semaphore() -> Result<()> {
    let start = Instant::now();
    let asks = WithPermit::new(3, &Semaphore::new(3), ask);
    assert_eq!(asks.on_failure(OnFailure::Continue).run([0, 60, 2]).first().await?, Some(2));
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}

/// The resources are released before the return.
#[tokio::test(start_paused = true)]
async fn resource() -> Result<()> {
    let start = Instant::now();
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let asks = WithResource::new(3, log, |(_log, seconds): (ResourceGuard<String>, u64)| ask(seconds));
    assert_eq!(asks.on_failure(OnFailure::Continue).run([0, 60, 2]).first().await?, Some(2));
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn producer_consumer() -> Result<()> {
    let start = Instant::now();
    let asks = ProducerConsumer::items().consumers(3, ask);
    assert_eq!(asks.on_failure(OnFailure::Continue).run([0, 60, 2]).first().await?, Some(2));
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}
