//! The items that a stopped run has not started.

use anyhow::{Result, ensure};
use towpath_fanout::{Fanout, Kept, PatternExt, Source};
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

async fn job(item: u64) -> Result<u64> {
    ensure!(item != 1, "item 1 fails");
    Ok(item)
}

/// The items, in order. They may also be the source of a further run.
async fn rest(kept: &Kept<u64>) -> Result<Vec<u64>> {
    Ok(kept.take().expect("the run is over").collect().await?)
}

#[tokio::test(start_paused = true)]
async fn fanout() -> Result<()> {
    let (items, kept) = Source::new(0..5).kept();
    let jobs = Fanout::new(1, job);
    let failure = jobs.run(items).collect().await.expect_err("item 1 fails");
    assert_eq!(failure.index(), Some(1));
    assert_eq!(rest(&kept).await?, [2, 3, 4]);
    Ok(())
}

/// An item between two stages has been started, and counts as cancelled.
#[tokio::test(start_paused = true)]
async fn pipeline() -> Result<()> {
    let (items, kept) = Source::new(0..5).kept();
    let jobs = Pipeline::new(1, job).then_stage(1, job);
    let failure = jobs.run(items).collect().await.expect_err("item 1 fails");
    assert_eq!(failure.index(), Some(1));
    assert_eq!(rest(&kept).await?, [2, 3, 4]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn semaphore() -> Result<()> {
    let (items, kept) = Source::new(0..5).kept();
    let jobs = WithPermit::new(1, &Semaphore::new(1), job);
    let failure = jobs.run(items).collect().await.expect_err("item 1 fails");
    assert_eq!(failure.index(), Some(1));
    assert_eq!(rest(&kept).await?, [2, 3, 4]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn resource() -> Result<()> {
    let (items, kept) = Source::new(0..5).kept();
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let jobs = WithResource::new(1, log, |(_log, item): (ResourceGuard<String>, u64)| job(item));
    let failure = jobs.run(items).collect().await.expect_err("item 1 fails");
    assert_eq!(failure.index(), Some(1));
    assert_eq!(rest(&kept).await?, [2, 3, 4]);
    Ok(())
}

/// The items in the queue are lost. The inputs without a started producer come back.
#[tokio::test(start_paused = true)]
async fn producer_consumer() -> Result<()> {
    let (items, kept) = Source::new(0..9).kept();
    let jobs = ProducerConsumer::items().consumers(1, job).capacity(1);
    let failure = jobs.run(items).collect().await.expect_err("item 1 fails");
    assert_eq!(failure.index(), Some(1));
    assert!(rest(&kept).await?.ends_with(&[7, 8]));
    Ok(())
}
