//! A number of starts for each second.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};
use towpath_fanout::{Fanout, PatternExt};
use towpath_limit::Rate;
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

const SECOND: Duration = Duration::from_secs(1);

async fn wait(item: u64) -> Result<u64> {
    sleep(SECOND).await;
    Ok(item)
}

#[tokio::test(start_paused = true)]
async fn fanout() -> Result<()> {
    let start = Instant::now();
    let api = Rate::per_second(2);
    let jobs = Fanout::new(4, wait).limited_by(&api);
    assert_eq!(jobs.run([1, 2, 3]).collect().await?.len(), 3);
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pipeline() -> Result<()> {
    let start = Instant::now();
    let api = Rate::per_second(2);
    let jobs = Pipeline::new(4, wait).limited_by(&api).then_stage(4, |item: u64| async move { Ok(item) });
    assert_eq!(jobs.run([1, 2, 3]).collect().await?.len(), 3);
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn semaphore() -> Result<()> {
    let start = Instant::now();
    let api = Rate::per_second(2);
    let jobs = WithPermit::new(4, &Semaphore::new(4), wait).limited_by(&api);
    assert_eq!(jobs.run([1, 2, 3]).collect().await?.len(), 3);
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn resource() -> Result<()> {
    let start = Instant::now();
    let api = Rate::per_second(2);
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let jobs =
        WithResource::new(4, log, |(_log, item): (ResourceGuard<String>, u64)| wait(item)).limited_by(&api);
    assert_eq!(jobs.run([1, 2, 3]).collect().await?.len(), 3);
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn producer_consumer() -> Result<()> {
    let start = Instant::now();
    let api = Rate::per_second(2);
    let jobs = ProducerConsumer::items().consumers(4, wait).capacity(4).limited_by(&api);
    assert_eq!(jobs.run([1, 2, 3]).collect().await?.len(), 3);
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}
