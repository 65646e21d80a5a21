//! Chunks of items, by number or time: a job for every two rows, and for the last row after a second.

use std::time::Duration;

use anyhow::Result;
use towpath_fanout::{Fanout, PatternExt, Source};
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

const SECOND: Duration = Duration::from_secs(1);

/// Three rows, and then a silence that is longer than the run.
fn rows() -> Source<Vec<u64>> {
    let rows = Source::generate(|out| async move {
        for row in 0..3 {
            out.send(row).await;
        }
        tokio::time::sleep(60 * SECOND).await;
    });
    rows.chunks(2, SECOND)
}

async fn insert(rows: Vec<u64>) -> Result<usize> {
    Ok(rows.len())
}

#[tokio::test(start_paused = true)]
async fn fanout() -> Result<()> {
    let mut inserts = Fanout::new(2, insert).run(rows());
    let start = tokio::time::Instant::now();
    assert_eq!(inserts.next().await.transpose()?, Some(2));
    assert_eq!(inserts.next().await.transpose()?, Some(1));
    assert_eq!(start.elapsed(), SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pipeline() -> Result<()> {
    let mut inserts =
        Pipeline::new(2, insert).then_stage(1, |count: usize| async move { Ok(count) }).run(rows());
    let start = tokio::time::Instant::now();
    assert_eq!(inserts.next().await.transpose()?, Some(2));
    assert_eq!(inserts.next().await.transpose()?, Some(1));
    assert_eq!(start.elapsed(), SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn semaphore() -> Result<()> {
    let mut inserts = WithPermit::new(2, &Semaphore::new(1), insert).run(rows());
    let start = tokio::time::Instant::now();
    assert_eq!(inserts.next().await.transpose()?, Some(2));
    assert_eq!(inserts.next().await.transpose()?, Some(1));
    assert_eq!(start.elapsed(), SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn resource() -> Result<()> {
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });

    let job = |(_log, rows): (ResourceGuard<String>, Vec<u64>)| insert(rows);
    let mut inserts = WithResource::new(2, log, job).run(rows());
    let start = tokio::time::Instant::now();
    assert_eq!(inserts.next().await.transpose()?, Some(2));
    assert_eq!(inserts.next().await.transpose()?, Some(1));
    assert_eq!(start.elapsed(), SECOND);
    Ok(())
}

/// The chunks are the inputs of the producers.
#[tokio::test(start_paused = true)]
async fn producer_consumer() -> Result<()> {
    let mut inserts = ProducerConsumer::items().consumers(2, insert).run(rows());
    let start = tokio::time::Instant::now();
    assert_eq!(inserts.next().await.transpose()?, Some(2));
    assert_eq!(inserts.next().await.transpose()?, Some(1));
    assert_eq!(start.elapsed(), SECOND);
    Ok(())
}
