//! A time limit for every job.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;
use towpath_fanout::{Fanout, OnFailure, PatternExt};
use towpath_job::JobExt;
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_resource::{JobOutcome, ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

const LIMIT: Duration = Duration::from_secs(2);

async fn wait(seconds: u64) -> Result<u64> {
    sleep(Duration::from_secs(seconds)).await;
    Ok(seconds)
}

#[tokio::test(start_paused = true)]
async fn fanout() {
    let waits = Fanout::new(2, wait.timeout(LIMIT)).on_failure(OnFailure::Continue);
    let report = waits.run([1, 60]).finish().await;
    assert_eq!((report.last().succeeded, report.last().timed_out), (1, 1));
    assert_eq!(report.failures[0].cause().to_string(), "timed out: no result within 2s");
}

#[tokio::test(start_paused = true)]
async fn pipeline() {
    let waits = Pipeline::new(2, wait.timeout(LIMIT)).then_stage(2, wait.timeout(LIMIT));
    let report = waits.on_failure(OnFailure::Continue).run([1, 60]).finish().await;
    assert_eq!((report.stages[0].counts.succeeded, report.stages[0].counts.timed_out), (1, 1));
    assert_eq!((report.stages[1].counts.succeeded, report.stages[1].counts.timed_out), (1, 0));
}

/// The wait for the permit does not count.
#[tokio::test(start_paused = true)]
async fn semaphore() {
    let connections = Semaphore::new(1);
    let waits = WithPermit::new(4, &connections, wait.timeout(LIMIT)).on_failure(OnFailure::Continue);
    let report = waits.run([1, 60, 1, 1]).finish().await;
    assert_eq!((report.last().succeeded, report.last().timed_out), (3, 1));
}

/// The release of the resource gets the outcome.
#[tokio::test(start_paused = true)]
async fn resource() {
    let release = |_, after| async move {
        assert_eq!(after, JobOutcome::Timeout);
        Ok(())
    };
    let log = resource_fn(|| async { Ok(String::new()) }, release);
    let job = |(_log, seconds): (ResourceGuard<String>, u64)| wait(seconds);
    let waits = WithResource::new(1, log, job.timeout(LIMIT)).on_failure(OnFailure::Continue);
    let report = waits.run([1, 60]).finish().await;
    assert_eq!((report.last().succeeded, report.last().timed_out), (1, 1));
    assert_eq!(report.failures.len(), 1, "{report}");
}

#[tokio::test(start_paused = true)]
async fn producer_consumer() {
    let waits = ProducerConsumer::items().consumers(2, wait.timeout(LIMIT));
    let report = waits.on_failure(OnFailure::Continue).run([1, 60]).finish().await;
    assert_eq!((report.last().succeeded, report.last().timed_out), (1, 1));
}
