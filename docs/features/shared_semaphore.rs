//! A limit that two runs share: one permit, so one job of both runs at a time.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};
use tokio::try_join;
use towpath_fanout::{Fanout, PatternExt};
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
    let (start, connection) = (Instant::now(), Semaphore::new(1));
    let jobs = Fanout::new(4, wait).limited_by(&connection);
    try_join!(jobs.run([1, 2]).collect(), jobs.run([3]).collect())?;
    assert_eq!(start.elapsed(), 3 * SECOND);
    Ok(())
}

/// Two stages share the permit as two runs do.
#[tokio::test(start_paused = true)]
async fn pipeline() -> Result<()> {
    let (start, connection) = (Instant::now(), Semaphore::new(1));
    let first = Pipeline::new(4, wait).limited_by(&connection);
    let jobs = first.then_stage(4, wait).limited_by(&connection);
    jobs.run([1, 2]).collect().await?;
    assert_eq!(start.elapsed(), 4 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn semaphore() -> Result<()> {
    let (start, connection) = (Instant::now(), Semaphore::new(1));
    let jobs = WithPermit::new(4, &connection, wait);
    try_join!(jobs.run([1, 2]).collect(), jobs.run([3]).collect())?;
    assert_eq!(start.elapsed(), 3 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn resource() -> Result<()> {
    let (start, connection) = (Instant::now(), Semaphore::new(1));
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let job = |(_log, item): (ResourceGuard<String>, u64)| wait(item);
    let jobs = WithResource::new(4, log, job).limited_by(&connection);
    try_join!(jobs.run([1, 2]).collect(), jobs.run([3]).collect())?;
    assert_eq!(start.elapsed(), 3 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn producer_consumer() -> Result<()> {
    let (start, connection) = (Instant::now(), Semaphore::new(1));
    let jobs = ProducerConsumer::items().consumers(4, wait).limited_by(&connection);
    try_join!(jobs.run([1, 2]).collect(), jobs.run([3]).collect())?;
    assert_eq!(start.elapsed(), 3 * SECOND);
    Ok(())
}
