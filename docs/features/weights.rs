//! Permits by the weight of an item: a permit for each megabyte.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};
use towpath_fanout::{Fanout, PatternExt};
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

const SECOND: Duration = Duration::from_secs(1);

async fn wait(megabytes: usize) -> Result<usize> {
    sleep(SECOND).await;
    Ok(megabytes)
}

#[tokio::test(start_paused = true)]
async fn fanout() -> Result<()> {
    let start = Instant::now();
    let memory = Semaphore::new(10).weighted(|megabytes: &usize| *megabytes);
    let jobs = Fanout::new(4, wait).limited_by(&memory);
    assert_eq!(jobs.run([6, 6, 4]).collect().await?.len(), 3);
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pipeline() -> Result<()> {
    let start = Instant::now();
    let memory = Semaphore::new(10).weighted(|megabytes: &usize| *megabytes);
    let jobs =
        Pipeline::new(4, wait).limited_by(&memory).then_stage(4, |item: usize| async move { Ok(item) });
    assert_eq!(jobs.run([6, 6, 4]).collect().await?.len(), 3);
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn semaphore() -> Result<()> {
    let start = Instant::now();
    let memory = Semaphore::new(10).weighted(|megabytes: &usize| *megabytes);
    let jobs = WithPermit::new(4, &Semaphore::new(4), wait).limited_by(&memory);
    assert_eq!(jobs.run([6, 6, 4]).collect().await?.len(), 3);
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn resource() -> Result<()> {
    let start = Instant::now();
    let memory = Semaphore::new(10).weighted(|megabytes: &usize| *megabytes);
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let jobs = WithResource::new(4, log, |(_log, item): (ResourceGuard<String>, usize)| wait(item))
        .limited_by(&memory);
    assert_eq!(jobs.run([6, 6, 4]).collect().await?.len(), 3);
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn producer_consumer() -> Result<()> {
    let start = Instant::now();
    let memory = Semaphore::new(10).weighted(|megabytes: &usize| *megabytes);
    let jobs = ProducerConsumer::items().consumers(4, wait).capacity(4).limited_by(&memory);
    assert_eq!(jobs.run([6, 6, 4]).collect().await?.len(), 3);
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}
