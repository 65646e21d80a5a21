//! The outputs in the order of the inputs.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;
use towpath_fanout::{Fanout, PatternExt};
use towpath_pipeline::Pipeline;
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

const SECOND: Duration = Duration::from_secs(1);

async fn wait(seconds: u64) -> Result<u64> {
    sleep(u32::try_from(seconds)? * SECOND).await;
    Ok(seconds)
}

#[tokio::test(start_paused = true)]
async fn fanout() -> Result<()> {
    let waits = Fanout::new(3, wait).ordered();
    assert_eq!(waits.run([3, 1, 2]).collect().await?, [3, 1, 2]);
    Ok(())
}

/// Every stage is ordered, or has a limit of 1.
#[tokio::test(start_paused = true)]
async fn pipeline() -> Result<()> {
    let waits = Pipeline::new(3, wait).ordered().then_stage(1, |seconds: u64| async move { Ok(seconds) });
    assert_eq!(waits.run([3, 1, 2]).collect().await?, [3, 1, 2]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn semaphore() -> Result<()> {
    let waits = WithPermit::new(3, &Semaphore::new(3), wait).ordered();
    assert_eq!(waits.run([3, 1, 2]).collect().await?, [3, 1, 2]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn resource() -> Result<()> {
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let waits = WithResource::new(3, log, |(_log, seconds): (ResourceGuard<String>, u64)| wait(seconds));
    let waits = waits.ordered();
    assert_eq!(waits.run([3, 1, 2]).collect().await?, [3, 1, 2]);
    Ok(())
}
