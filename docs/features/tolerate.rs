//! A tolerated number of failures: the third failure stops the run, before the last item.

use anyhow::Result;
use towpath_fanout::{Fanout, OnFailure, PatternExt};
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

async fn parse(text: &'static str) -> Result<u64> {
    Ok(text.parse()?)
}

#[tokio::test(start_paused = true)]
async fn fanout() {
    let jobs = Fanout::new(1, parse);
    let report = jobs.on_failure(OnFailure::Tolerate(2)).run(["1", "a", "b", "2", "c", "3"]).finish().await;
    assert_eq!((report.last().succeeded, report.last().errored), (2, 3));
}

/// Every stage counts its own failures and the failures of the stage before.
#[tokio::test(start_paused = true)]
async fn pipeline() {
    let jobs = Pipeline::new(1, parse).then_stage(1, |number: u64| async move { Ok(number) });
    let report = jobs.on_failure(OnFailure::Tolerate(2)).run(["1", "a", "b", "2", "c", "3"]).finish().await;
    assert_eq!((report.stages[0].counts.succeeded, report.stages[0].counts.errored), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn semaphore() {
    let jobs = WithPermit::new(1, &Semaphore::new(1), parse);
    let report = jobs.on_failure(OnFailure::Tolerate(2)).run(["1", "a", "b", "2", "c", "3"]).finish().await;
    assert_eq!((report.last().succeeded, report.last().errored), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn resource() {
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let jobs = WithResource::new(1, log, |(_log, text): (ResourceGuard<String>, &'static str)| parse(text));
    let report = jobs.on_failure(OnFailure::Tolerate(2)).run(["1", "a", "b", "2", "c", "3"]).finish().await;
    assert_eq!((report.last().succeeded, report.last().errored), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn producer_consumer() {
    let jobs = ProducerConsumer::items().consumers(1, parse);
    let report = jobs.on_failure(OnFailure::Tolerate(2)).run(["1", "a", "b", "2", "c", "3"]).finish().await;
    assert_eq!((report.last().succeeded, report.last().errored), (2, 3));
}
