//! A limit that adapts: the server answers in time, so the limit grows from 1.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;
use towpath_fanout::{Fanout, PatternExt};
use towpath_observe::Adaptive;
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

async fn ask(item: u64) -> Result<u64> {
    sleep(Duration::from_secs(1)).await;
    Ok(item)
}

fn adaptive() -> Adaptive {
    Adaptive::aimd(1..=64).latency_threshold(Duration::from_secs(2))
}

#[tokio::test(start_paused = true)]
async fn fanout() {
    let limit = adaptive();
    let jobs = Fanout::new(limit.limit(), ask).observed(limit.clone());
    jobs.run(0..500).finish().await;
    assert!(limit.limit().get() > 10, "{} jobs at once", limit.limit().get());
}

#[tokio::test(start_paused = true)]
async fn pipeline() {
    let limit = adaptive();
    let jobs = Pipeline::new(1, |item: u64| async move { Ok(item) })
        .then_stage(limit.limit(), ask)
        .observed(limit.clone());
    jobs.run(0..500).finish().await;
    assert!(limit.limit().get() > 10, "{} jobs at once", limit.limit().get());
}

#[tokio::test(start_paused = true)]
async fn semaphore() {
    let limit = adaptive();
    let jobs = WithPermit::new(limit.limit(), &Semaphore::new(64), ask).observed(limit.clone());
    jobs.run(0..500).finish().await;
    assert!(limit.limit().get() > 10, "{} jobs at once", limit.limit().get());
}

#[tokio::test(start_paused = true)]
async fn resource() {
    let limit = adaptive();
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let job = |(_log, item): (ResourceGuard<String>, u64)| ask(item);
    let jobs = WithResource::new(limit.limit(), log, job).observed(limit.clone());
    jobs.run(0..500).finish().await;
    assert!(limit.limit().get() > 10, "{} jobs at once", limit.limit().get());
}

#[tokio::test(start_paused = true)]
async fn producer_consumer() {
    let limit = adaptive();
    let jobs = ProducerConsumer::items().consumers(limit.limit(), ask).observed(limit.clone());
    jobs.run(0..500).finish().await;
    assert!(limit.limit().get() > 10, "{} jobs at once", limit.limit().get());
}
