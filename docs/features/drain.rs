//! An orderly end within a budget: no further items, the end of the started jobs, and then a cancellation.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;
use towpath_fanout::{Fanout, PatternExt, Source};
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

const SECOND: Duration = Duration::from_secs(1);

async fn wait(seconds: u64) -> Result<u64> {
    sleep(u32::try_from(seconds)? * SECOND).await;
    Ok(seconds)
}

#[tokio::test(start_paused = true)]
async fn fanout() {
    let (items, kept) = Source::new([1, 60, 1, 1, 1, 1, 1, 1]).kept();
    let run = Fanout::new(2, wait).run(items);
    sleep(SECOND / 2).await;
    let report = run.drain(10 * SECOND).await;
    assert_eq!((report.last().succeeded, report.cancelled(), report.forced), (1, 1, true));
    assert!(kept.take().expect("the run is over").next().await.is_some());
}

/// The items between the stages complete as well.
#[tokio::test(start_paused = true)]
async fn pipeline() {
    let (items, kept) = Source::new([1, 60, 1, 1, 1, 1, 1, 1]).kept();
    let run = Pipeline::new(2, wait).then_stage(2, wait).run(items);
    sleep(SECOND / 2).await;
    let report = run.drain(10 * SECOND).await;
    assert_eq!((report.last().succeeded, report.cancelled(), report.forced), (1, 1, true));
    assert!(kept.take().expect("the run is over").next().await.is_some());
}

/// An item that waits for a permit has not started.
#[tokio::test(start_paused = true)]
async fn semaphore() {
    let (items, kept) = Source::new([1, 60, 1, 1, 1, 1, 1, 1]).kept();
    let run = WithPermit::new(4, &Semaphore::new(2), wait).run(items);
    sleep(SECOND / 2).await;
    let report = run.drain(10 * SECOND).await;
    assert_eq!((report.last().succeeded, report.cancelled(), report.forced), (1, 1, true));
    assert!(kept.take().expect("the run is over").next().await.is_some());
}

/// The budget ends before the release of the resources.
#[tokio::test(start_paused = true)]
async fn resource() {
    let (items, kept) = Source::new([1, 60, 1, 1, 1, 1, 1, 1]).kept();
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let jobs = WithResource::new(2, log, |(_log, seconds): (ResourceGuard<String>, u64)| wait(seconds));
    let run = jobs.run(items);
    sleep(SECOND / 2).await;
    let report = run.drain(10 * SECOND).await;
    assert_eq!((report.last().succeeded, report.cancelled(), report.forced), (1, 1, true));
    assert!(kept.take().expect("the run is over").next().await.is_some());
}

/// The items in the queue complete as well.
#[tokio::test(start_paused = true)]
async fn producer_consumer() {
    let (items, kept) = Source::new([1, 60, 1, 1, 1, 1, 1, 1]).kept();
    let run = ProducerConsumer::items().consumers(2, wait).capacity(1).run(items);
    sleep(SECOND / 2).await;
    let report = run.drain(10 * SECOND).await;
    assert_eq!((report.last().succeeded, report.cancelled(), report.forced), (3, 1, true));
    assert!(kept.take().expect("the run is over").next().await.is_some());
}
