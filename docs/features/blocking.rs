//! A closure that blocks its thread.

use std::thread::{self, ThreadId};

use anyhow::{Context, Result};
use towpath_fanout::{Fanout, PatternExt};
use towpath_job::blocking;
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

/// Returns the square, and the thread.
fn square(number: u64) -> Result<(u64, ThreadId)> {
    let square = number.checked_mul(number).context("the number is too large")?;
    Ok((square, thread::current().id()))
}

/// The thread is not the thread of the runtime.
fn assert_elsewhere(mut squares: Vec<(u64, ThreadId)>) {
    squares.sort_unstable_by_key(|(square, _)| *square);
    assert!(squares.iter().map(|(square, _)| *square).eq([4, 9]));
    assert!(squares.iter().all(|(_, id)| *id != thread::current().id()));
}

#[tokio::test(start_paused = true)]
async fn fanout() -> Result<()> {
    assert_elsewhere(Fanout::new(2, blocking(square)).run([2, 3]).collect().await?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pipeline() -> Result<()> {
    let squares = Pipeline::new(2, |number: u64| async move { Ok(number) }).then_stage(2, blocking(square));
    assert_elsewhere(squares.run([2, 3]).collect().await?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn semaphore() -> Result<()> {
    let squares = WithPermit::new(2, &Semaphore::new(1), blocking(square));
    assert_elsewhere(squares.run([2, 3]).collect().await?);
    Ok(())
}

/// The closure has the resource on its thread.
#[tokio::test(start_paused = true)]
async fn resource() -> Result<()> {
    let log = resource_fn(|| async { Ok(Vec::new()) }, |_, _| async { Ok(()) });
    let job = blocking(|(mut log, number): (ResourceGuard<Vec<u64>>, u64)| {
        log.push(number);
        square(number)
    });
    assert_elsewhere(WithResource::new(2, log, job).run([2, 3]).collect().await?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn producer_consumer() -> Result<()> {
    let squares = ProducerConsumer::items().consumers(2, blocking(square));
    assert_elsewhere(squares.run([2, 3]).collect().await?);
    Ok(())
}
