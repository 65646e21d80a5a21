//! A second attempt next to a slow first attempt.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};
use towpath_fanout::{Fanout, Job, PatternExt, with_state};
use towpath_job::JobExt;
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_semaphore::{Semaphore, WithPermit};

const AFTER: Duration = Duration::from_secs(1);

/// The first replica takes a minute, and the other replicas answer at once. The output is the number of the replica.
fn read() -> impl Job<&'static str, Out = u32> {
    with_state(AtomicU32::new(0), async |replicas: &AtomicU32, _key: &'static str| {
        let replica = replicas.fetch_add(1, Ordering::Relaxed);
        if replica == 0 {
            sleep(Duration::from_secs(60)).await;
        }
        Ok(replica)
    })
}

#[tokio::test(start_paused = true)]
async fn fanout() -> Result<()> {
    let start = Instant::now();
    let reads = Fanout::new(1, read().hedge(AFTER));
    assert_eq!(reads.run(["a"]).collect().await?, [1]);
    assert_eq!(start.elapsed(), AFTER);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pipeline() -> Result<()> {
    let start = Instant::now();
    let reads =
        Pipeline::new(1, |key: &'static str| async move { Ok(key) }).then_stage(1, read().hedge(AFTER));
    assert_eq!(reads.run(["a"]).collect().await?, [1]);
    assert_eq!(start.elapsed(), AFTER);
    Ok(())
}

/// Both attempts run under one permit.
#[tokio::test(start_paused = true)]
async fn semaphore() -> Result<()> {
    let start = Instant::now();
    let reads = WithPermit::new(1, &Semaphore::new(1), read().hedge(AFTER));
    assert_eq!(reads.run(["a"]).collect().await?, [1]);
    assert_eq!(start.elapsed(), AFTER);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn producer_consumer() -> Result<()> {
    let start = Instant::now();
    let reads = ProducerConsumer::items().consumers(1, read().hedge(AFTER));
    assert_eq!(reads.run(["a"]).collect().await?, [1]);
    assert_eq!(start.elapsed(), AFTER);
    Ok(())
}
