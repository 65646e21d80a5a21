//! A rate for each key: a start every ten seconds for each host.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};
use towpath_fanout::{Fanout, PatternExt};
use towpath_limit::Rate;
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

type Page = (&'static str, u64);

const SECOND: Duration = Duration::from_secs(1);

async fn wait(page: Page) -> Result<Page> {
    sleep(SECOND).await;
    Ok(page)
}

#[tokio::test(start_paused = true)]
async fn fanout() -> Result<()> {
    let start = Instant::now();
    let polite = Rate::every(10 * SECOND).per_key(|(host, _): &Page| *host);
    let jobs = Fanout::new(4, wait).limited_by(&polite);
    assert_eq!(jobs.run([("a", 1), ("b", 1), ("a", 2)]).collect().await?.len(), 3);
    assert_eq!(start.elapsed(), 11 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pipeline() -> Result<()> {
    let start = Instant::now();
    let polite = Rate::every(10 * SECOND).per_key(|(host, _): &Page| *host);
    let jobs = Pipeline::new(4, wait).limited_by(&polite).then_stage(4, |item: Page| async move { Ok(item) });
    assert_eq!(jobs.run([("a", 1), ("b", 1), ("a", 2)]).collect().await?.len(), 3);
    assert_eq!(start.elapsed(), 11 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn semaphore() -> Result<()> {
    let start = Instant::now();
    let polite = Rate::every(10 * SECOND).per_key(|(host, _): &Page| *host);
    let jobs = WithPermit::new(4, &Semaphore::new(4), wait).limited_by(&polite);
    assert_eq!(jobs.run([("a", 1), ("b", 1), ("a", 2)]).collect().await?.len(), 3);
    assert_eq!(start.elapsed(), 11 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn resource() -> Result<()> {
    let start = Instant::now();
    let polite = Rate::every(10 * SECOND).per_key(|(host, _): &Page| *host);
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let jobs = WithResource::new(4, log, |(_log, item): (ResourceGuard<String>, Page)| wait(item))
        .limited_by(&polite);
    assert_eq!(jobs.run([("a", 1), ("b", 1), ("a", 2)]).collect().await?.len(), 3);
    assert_eq!(start.elapsed(), 11 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn producer_consumer() -> Result<()> {
    let start = Instant::now();
    let polite = Rate::every(10 * SECOND).per_key(|(host, _): &Page| *host);
    let jobs = ProducerConsumer::items().consumers(4, wait).capacity(4).limited_by(&polite);
    assert_eq!(jobs.run([("a", 1), ("b", 1), ("a", 2)]).collect().await?.len(), 3);
    assert_eq!(start.elapsed(), 11 * SECOND);
    Ok(())
}
