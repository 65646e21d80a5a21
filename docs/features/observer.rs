//! An observer of every item: the outcomes of a stage.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use anyhow::Result;
use towpath_fanout::{Fanout, OnFailure, PatternExt};
use towpath_pattern::{Ended, ItemInfo, Observer, Outcome, RunInfo, RunObserver};
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

#[derive(Clone, Default)]
struct Count {
    succeeded: Arc<AtomicUsize>,
    errored: Arc<AtomicUsize>,
}

impl Observer for Count {
    type Run = Self;

    fn observe(&self, run: &RunInfo) -> Option<Self> {
        (&*run.stage != "producers").then(|| self.clone())
    }
}

impl RunObserver for Count {
    type Item = ();

    fn taken(&self, _: ItemInfo) {}

    fn completed(&self, (): (), ended: Ended) {
        let count = if ended.outcome == Outcome::Succeeded { &self.succeeded } else { &self.errored };
        count.fetch_add(1, Relaxed);
    }
}

async fn parse(text: &'static str) -> Result<u64> {
    Ok(text.parse()?)
}

#[tokio::test(start_paused = true)]
async fn fanout() {
    let count = Count::default();
    let jobs = Fanout::new(2, parse).on_failure(OnFailure::Continue).observed(count.clone());
    assert_eq!(jobs.run(["1", "two", "3"]).finish().await.last().succeeded, 2);
    assert_eq!((count.succeeded.load(Relaxed), count.errored.load(Relaxed)), (2, 1));
}

/// The observer of the last stage so far.
#[tokio::test(start_paused = true)]
async fn pipeline() {
    let count = Count::default();
    let jobs = Pipeline::new(2, |text: &'static str| async move { Ok(text) })
        .then_stage(2, parse)
        .on_failure(OnFailure::Continue)
        .observed(count.clone());
    assert_eq!(jobs.run(["1", "two", "3"]).finish().await.last().succeeded, 2);
    assert_eq!((count.succeeded.load(Relaxed), count.errored.load(Relaxed)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn semaphore() {
    let count = Count::default();
    let jobs =
        WithPermit::new(2, &Semaphore::new(1), parse).on_failure(OnFailure::Continue).observed(count.clone());
    assert_eq!(jobs.run(["1", "two", "3"]).finish().await.last().succeeded, 2);
    assert_eq!((count.succeeded.load(Relaxed), count.errored.load(Relaxed)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn resource() {
    let count = Count::default();
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let jobs = WithResource::new(2, log, |(_log, text): (ResourceGuard<String>, &'static str)| parse(text))
        .on_failure(OnFailure::Continue)
        .observed(count.clone());
    assert_eq!(jobs.run(["1", "two", "3"]).finish().await.last().succeeded, 2);
    assert_eq!((count.succeeded.load(Relaxed), count.errored.load(Relaxed)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn producer_consumer() {
    let count = Count::default();
    let jobs =
        ProducerConsumer::items().consumers(2, parse).on_failure(OnFailure::Continue).observed(count.clone());
    assert_eq!(jobs.run(["1", "two", "3"]).finish().await.last().succeeded, 2);
    assert_eq!((count.succeeded.load(Relaxed), count.errored.load(Relaxed)), (2, 1));
}
