//! An order for equal keys: the events of a tenant, one at a time and in input order.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};
use towpath_fanout::{Fanout, PatternExt};
use towpath_limit::per_key;
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

type Event = (&'static str, u64);

const SECOND: Duration = Duration::from_secs(1);

async fn wait(event: Event) -> Result<Event> {
    sleep(SECOND).await;
    Ok(event)
}

#[tokio::test(start_paused = true)]
async fn fanout() -> Result<()> {
    let start = Instant::now();
    let in_order = per_key(1, |(tenant, _): &Event| *tenant);
    let jobs = Fanout::new(4, wait).limited_by(&in_order);
    assert_eq!(jobs.run([("a", 1), ("b", 1), ("a", 2)]).collect().await?.len(), 3);
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pipeline() -> Result<()> {
    let start = Instant::now();
    let in_order = per_key(1, |(tenant, _): &Event| *tenant);
    let jobs =
        Pipeline::new(4, wait).limited_by(&in_order).then_stage(4, |item: Event| async move { Ok(item) });
    assert_eq!(jobs.run([("a", 1), ("b", 1), ("a", 2)]).collect().await?.len(), 3);
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn semaphore() -> Result<()> {
    let start = Instant::now();
    let in_order = per_key(1, |(tenant, _): &Event| *tenant);
    let jobs = WithPermit::new(4, &Semaphore::new(4), wait).limited_by(&in_order);
    assert_eq!(jobs.run([("a", 1), ("b", 1), ("a", 2)]).collect().await?.len(), 3);
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn resource() -> Result<()> {
    let start = Instant::now();
    let in_order = per_key(1, |(tenant, _): &Event| *tenant);
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let jobs = WithResource::new(4, log, |(_log, item): (ResourceGuard<String>, Event)| wait(item))
        .limited_by(&in_order);
    assert_eq!(jobs.run([("a", 1), ("b", 1), ("a", 2)]).collect().await?.len(), 3);
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn producer_consumer() -> Result<()> {
    let start = Instant::now();
    let in_order = per_key(1, |(tenant, _): &Event| *tenant);
    let jobs = ProducerConsumer::items().consumers(4, wait).capacity(4).limited_by(&in_order);
    assert_eq!(jobs.run([("a", 1), ("b", 1), ("a", 2)]).collect().await?.len(), 3);
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}
