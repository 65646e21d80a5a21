//! A drain on a signal: `run.drain_on(tokio::signal::ctrl_c, budget)` in a program, and a signal after ten seconds here.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};
use towpath_fanout::{Fanout, PatternExt};
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

const SECOND: Duration = Duration::from_secs(1);

async fn job(item: u64) -> Result<u64> {
    sleep(SECOND).await;
    Ok(item)
}

#[tokio::test(start_paused = true)]
async fn fanout() {
    let start = Instant::now();
    let run = Fanout::new(4, job).run(0..);
    let report = run.drain_on(|| sleep(10 * SECOND), 5 * SECOND).await;
    assert!(start.elapsed() >= 10 * SECOND);
    assert_eq!((report.last().taken, report.cancelled(), report.forced), (report.last().succeeded, 0, false));
}

#[tokio::test(start_paused = true)]
async fn pipeline() {
    let start = Instant::now();
    let run = Pipeline::new(4, job).then_stage(4, job).run(0..);
    let report = run.drain_on(|| sleep(10 * SECOND), 5 * SECOND).await;
    assert!(start.elapsed() >= 10 * SECOND);
    assert_eq!((report.last().taken, report.cancelled(), report.forced), (report.last().succeeded, 0, false));
}

#[tokio::test(start_paused = true)]
async fn semaphore() {
    let start = Instant::now();
    let run = WithPermit::new(4, &Semaphore::new(4), job).run(0..);
    let report = run.drain_on(|| sleep(10 * SECOND), 5 * SECOND).await;
    assert!(start.elapsed() >= 10 * SECOND);
    assert_eq!((report.last().taken, report.cancelled(), report.forced), (report.last().succeeded, 0, false));
}

#[tokio::test(start_paused = true)]
async fn resource() {
    let start = Instant::now();
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let jobs = WithResource::new(4, log, |(_log, item): (ResourceGuard<String>, u64)| job(item));
    let run = jobs.run(0..);
    let report = run.drain_on(|| sleep(10 * SECOND), 5 * SECOND).await;
    assert!(start.elapsed() >= 10 * SECOND);
    assert_eq!((report.last().taken, report.cancelled(), report.forced), (report.last().succeeded, 0, false));
}

#[tokio::test(start_paused = true)]
async fn producer_consumer() {
    let start = Instant::now();
    let run = ProducerConsumer::items().consumers(4, job).capacity(4).run(0..);
    let report = run.drain_on(|| sleep(10 * SECOND), 5 * SECOND).await;
    assert!(start.elapsed() >= 10 * SECOND);
    assert_eq!((report.last().taken, report.cancelled(), report.forced), (report.last().succeeded, 0, false));
}
