//! The end of an endless run: no further items, and the outputs of the taken items.

use anyhow::Result;
use tokio::task::yield_now;
use towpath_fanout::{Fanout, PatternExt};
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

async fn job(item: u64) -> Result<u64> {
    yield_now().await;
    Ok(item)
}

#[tokio::test(start_paused = true)]
async fn fanout() -> Result<()> {
    let mut run = Fanout::new(4, job).run(0..);
    assert!(run.next().await.transpose()?.is_some());
    run.stop_taking();
    let (outcomes, report) = run.outcomes().await;
    assert!(outcomes.into_iter().all(|outcome| outcome.is_ok()));
    let counts = report.last();
    assert_eq!((counts.taken, counts.cancelled), (counts.succeeded + counts.never_started, 0));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pipeline() -> Result<()> {
    let mut run = Pipeline::new(4, job).then_stage(4, job).run(0..);
    assert!(run.next().await.transpose()?.is_some());
    run.stop_taking();
    let (outcomes, report) = run.outcomes().await;
    assert!(outcomes.into_iter().all(|outcome| outcome.is_ok()));
    let counts = report.last();
    assert_eq!((counts.taken, counts.cancelled), (counts.succeeded + counts.never_started, 0));
    Ok(())
}

/// An item that waits for a permit is never started.
#[tokio::test(start_paused = true)]
async fn semaphore() -> Result<()> {
    let mut run = WithPermit::new(4, &Semaphore::new(2), job).run(0..);
    assert!(run.next().await.transpose()?.is_some());
    run.stop_taking();
    let (outcomes, report) = run.outcomes().await;
    assert!(outcomes.into_iter().all(|outcome| outcome.is_ok()));
    let counts = report.last();
    assert_eq!((counts.taken, counts.cancelled), (counts.succeeded + counts.never_started, 0));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn resource() -> Result<()> {
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let jobs = WithResource::new(4, log, |(_log, item): (ResourceGuard<String>, u64)| job(item));
    let mut run = jobs.run(0..);
    assert!(run.next().await.transpose()?.is_some());
    run.stop_taking();
    let (outcomes, report) = run.outcomes().await;
    assert!(outcomes.into_iter().all(|outcome| outcome.is_ok()));
    let counts = report.last();
    assert_eq!((counts.taken, counts.cancelled), (counts.succeeded + counts.never_started, 0));
    Ok(())
}

/// The producers that have started complete, and the consumers empty the queue.
#[tokio::test(start_paused = true)]
async fn producer_consumer() -> Result<()> {
    let mut run = ProducerConsumer::items().consumers(4, job).run(0..);
    assert!(run.next().await.transpose()?.is_some());
    run.stop_taking();
    let (outcomes, report) = run.outcomes().await;
    assert!(outcomes.into_iter().all(|outcome| outcome.is_ok()));
    let counts = report.last();
    assert_eq!((counts.taken, counts.cancelled), (counts.succeeded + counts.never_started, 0));
    Ok(())
}
