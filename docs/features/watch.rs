//! The counts of a run, every two seconds, for a progress bar.

use std::pin::pin;
use std::time::Duration;

use anyhow::Result;
use futures_util::StreamExt;
use tokio::time::sleep;
use towpath_fanout::{Fanout, PatternExt};
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
    let run = Fanout::new(1, wait).run([1, 2, 3]);
    let counts = pin!(run.watch(2 * SECOND));
    let (seen, ended) = tokio::join!(counts.collect::<Vec<_>>(), run.finish());
    assert!(seen.len() > 2, "a value at once, one every two seconds, and one at the end");
    let last = &seen.last().expect("the end")[0];
    assert_eq!((ended.stages[0].counts.succeeded, last.counts.succeeded), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn pipeline() {
    let run = Pipeline::new(1, wait).then_stage(1, wait).run([1, 2, 3]);
    let counts = pin!(run.watch(2 * SECOND));
    let (seen, ended) = tokio::join!(counts.collect::<Vec<_>>(), run.finish());
    assert!(seen.len() > 2, "a value at once, one every two seconds, and one at the end");
    let last = &seen.last().expect("the end")[0];
    assert_eq!((ended.stages[0].counts.succeeded, last.counts.succeeded), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn semaphore() {
    let run = WithPermit::new(1, &Semaphore::new(1), wait).run([1, 2, 3]);
    let counts = pin!(run.watch(2 * SECOND));
    let (seen, ended) = tokio::join!(counts.collect::<Vec<_>>(), run.finish());
    assert!(seen.len() > 2, "a value at once, one every two seconds, and one at the end");
    let last = &seen.last().expect("the end")[0];
    assert_eq!((ended.stages[0].counts.succeeded, last.counts.succeeded), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn resource() {
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let jobs = WithResource::new(1, log, |(_log, seconds): (ResourceGuard<String>, u64)| wait(seconds));
    let run = jobs.run([1, 2, 3]);
    let counts = pin!(run.watch(2 * SECOND));
    let (seen, ended) = tokio::join!(counts.collect::<Vec<_>>(), run.finish());
    assert!(seen.len() > 2, "a value at once, one every two seconds, and one at the end");
    let last = &seen.last().expect("the end")[0];
    assert_eq!((ended.stages[0].counts.succeeded, last.counts.succeeded), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn producer_consumer() {
    let run = ProducerConsumer::items().consumers(1, wait).run([1, 2, 3]);
    let counts = pin!(run.watch(2 * SECOND));
    let (seen, ended) = tokio::join!(counts.collect::<Vec<_>>(), run.finish());
    assert!(seen.len() > 2, "a value at once, one every two seconds, and one at the end");
    let last = &seen.last().expect("the end")[0];
    assert_eq!((ended.stages[0].counts.succeeded, last.counts.succeeded), (3, 3));
}
