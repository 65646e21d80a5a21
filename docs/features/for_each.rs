//! An async closure for every output.

use anyhow::Result;
use tokio::sync::Mutex;
use towpath_fanout::{Fanout, PatternExt};
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

async fn echo(item: u64) -> Result<u64> {
    Ok(item)
}

async fn write(rows: &Mutex<Vec<u64>>, output: u64) -> Result<()> {
    rows.lock().await.push(output);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn fanout() -> Result<()> {
    let rows = Mutex::default();
    let run = Fanout::new(2, echo).run([1, 2, 3]);
    let report = run.for_each(|output| write(&rows, output)).await?;
    assert_eq!(report.last().succeeded, 3);
    assert_eq!(rows.into_inner().iter().sum::<u64>(), 6);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pipeline() -> Result<()> {
    let rows = Mutex::default();
    let run = Pipeline::new(2, echo).then_stage(2, echo).run([1, 2, 3]);
    let report = run.for_each(|output| write(&rows, output)).await?;
    assert_eq!(report.last().succeeded, 3);
    assert_eq!(rows.into_inner().iter().sum::<u64>(), 6);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn semaphore() -> Result<()> {
    let rows = Mutex::default();
    let run = WithPermit::new(2, &Semaphore::new(2), echo).run([1, 2, 3]);
    let report = run.for_each(|output| write(&rows, output)).await?;
    assert_eq!(report.last().succeeded, 3);
    assert_eq!(rows.into_inner().iter().sum::<u64>(), 6);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn resource() -> Result<()> {
    let rows = Mutex::default();
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let jobs = WithResource::new(2, log, |(_log, item): (ResourceGuard<String>, u64)| echo(item));
    let run = jobs.run([1, 2, 3]);
    let report = run.for_each(|output| write(&rows, output)).await?;
    assert_eq!(report.last().succeeded, 3);
    assert_eq!(rows.into_inner().iter().sum::<u64>(), 6);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn producer_consumer() -> Result<()> {
    let rows = Mutex::default();
    let run = ProducerConsumer::items().consumers(2, echo).run([1, 2, 3]);
    let report = run.for_each(|output| write(&rows, output)).await?;
    assert_eq!(report.last().succeeded, 3);
    assert_eq!(rows.into_inner().iter().sum::<u64>(), 6);
    Ok(())
}
