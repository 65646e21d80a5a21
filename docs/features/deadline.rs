//! A deadline for a run.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;
use towpath_fanout::{Fanout, PatternExt, Scope};
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
    let scope = Scope::new("import").with_timeout(5 * SECOND);
    let jobs = Fanout::new(2, wait);
    let (outcomes, report) = jobs.run_in(&scope, [1, 60]).outcomes().await;
    assert_eq!((report.last().succeeded, report.cancelled()), (1, 1));
    let failure = outcomes.into_iter().find_map(Result::err).expect("a cancellation");
    assert_eq!(failure.deadline_of(), Some("import"));
}

#[tokio::test(start_paused = true)]
async fn pipeline() {
    let scope = Scope::new("import").with_timeout(5 * SECOND);
    let jobs = Pipeline::new(2, wait).then_stage(2, |seconds: u64| async move { Ok(seconds) });
    let (outcomes, report) = jobs.run_in(&scope, [1, 60]).outcomes().await;
    assert_eq!((report.last().succeeded, report.cancelled()), (1, 1));
    let failure = outcomes.into_iter().find_map(Result::err).expect("a cancellation");
    assert_eq!(failure.deadline_of(), Some("import"));
}

#[tokio::test(start_paused = true)]
async fn semaphore() {
    let scope = Scope::new("import").with_timeout(5 * SECOND);
    let jobs = WithPermit::new(2, &Semaphore::new(2), wait);
    let (outcomes, report) = jobs.run_in(&scope, [1, 60]).outcomes().await;
    assert_eq!((report.last().succeeded, report.cancelled()), (1, 1));
    let failure = outcomes.into_iter().find_map(Result::err).expect("a cancellation");
    assert_eq!(failure.deadline_of(), Some("import"));
}

/// The resources are released after the deadline.
#[tokio::test(start_paused = true)]
async fn resource() {
    let scope = Scope::new("import").with_timeout(5 * SECOND);
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let jobs = WithResource::new(2, log, |(_log, seconds): (ResourceGuard<String>, u64)| wait(seconds));
    let (outcomes, report) = jobs.run_in(&scope, [1, 60]).outcomes().await;
    assert_eq!((report.last().succeeded, report.cancelled()), (1, 1));
    let failure = outcomes.into_iter().find_map(Result::err).expect("a cancellation");
    assert_eq!(failure.deadline_of(), Some("import"));
}

#[tokio::test(start_paused = true)]
async fn producer_consumer() {
    let scope = Scope::new("import").with_timeout(5 * SECOND);
    let jobs = ProducerConsumer::items().consumers(2, wait);
    let (outcomes, report) = jobs.run_in(&scope, [1, 60]).outcomes().await;
    assert_eq!((report.last().succeeded, report.cancelled()), (1, 1));
    let failure = outcomes.into_iter().find_map(Result::err).expect("a cancellation");
    assert_eq!(failure.deadline_of(), Some("import"));
}
