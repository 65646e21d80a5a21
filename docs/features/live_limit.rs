//! A limit that changes while a run goes on. The first job starts alone, and three further jobs start after the change.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};
use towpath_fanout::{Fanout, LiveLimit, PatternExt};
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

const SECOND: Duration = Duration::from_secs(1);

async fn wait(item: u64) -> Result<u64> {
    sleep(2 * SECOND).await;
    Ok(item)
}

#[tokio::test(start_paused = true)]
async fn fanout() -> Result<()> {
    let (start, limit) = (Instant::now(), LiveLimit::new(1));
    let run = Fanout::new(&limit, wait).run(1..5);
    sleep(SECOND).await;
    limit.set(4);
    assert_eq!(run.collect().await?.len(), 4);
    assert_eq!(start.elapsed(), 3 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pipeline() -> Result<()> {
    let (start, limit) = (Instant::now(), LiveLimit::new(1));
    let run = Pipeline::new(1, |item: u64| async move { Ok(item) }).then_stage(&limit, wait).run(1..5);
    sleep(SECOND).await;
    limit.set(4);
    assert_eq!(run.collect().await?.len(), 4);
    assert_eq!(start.elapsed(), 3 * SECOND);
    Ok(())
}

/// The number of permits changes with `connections.resize(4)`.
#[tokio::test(start_paused = true)]
async fn semaphore() -> Result<()> {
    let (start, limit, connections) = (Instant::now(), LiveLimit::new(1), Semaphore::new(4));
    let run = WithPermit::new(&limit, &connections, wait).run(1..5);
    sleep(SECOND).await;
    limit.set(4);
    assert_eq!(run.collect().await?.len(), 4);
    assert_eq!(start.elapsed(), 3 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn resource() -> Result<()> {
    let (start, limit) = (Instant::now(), LiveLimit::new(1));
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let job = |(_log, item): (ResourceGuard<String>, u64)| wait(item);
    let run = WithResource::new(&limit, log, job).run(1..5);
    sleep(SECOND).await;
    limit.set(4);
    assert_eq!(run.collect().await?.len(), 4);
    assert_eq!(start.elapsed(), 3 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn producer_consumer() -> Result<()> {
    let (start, limit) = (Instant::now(), LiveLimit::new(1));
    let run = ProducerConsumer::items().consumers(&limit, wait).run(1..5);
    sleep(SECOND).await;
    limit.set(4);
    assert_eq!(run.collect().await?.len(), 4);
    assert_eq!(start.elapsed(), 3 * SECOND);
    Ok(())
}
