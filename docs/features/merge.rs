//! Several sources for one run: a channel with one item so far, and a list. No source waits for the end of the other.

use anyhow::Result;
use towpath_fanout::{Fanout, PatternExt, Source};
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

async fn echo(item: u64) -> Result<u64> {
    Ok(item)
}

#[tokio::test(start_paused = true)]
async fn fanout() -> Result<()> {
    let (urgent, channel) = Source::channel(4);
    urgent.send(1).await?;
    let both = Source::merge([channel, Source::new([10, 20])]);
    let mut run = Fanout::new(1, echo).run(both);
    assert_eq!(run.next().await.transpose()?, Some(1));
    drop(urgent);
    assert_eq!(run.collect().await?.iter().sum::<u64>(), 10 + 20);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pipeline() -> Result<()> {
    let (urgent, channel) = Source::channel(4);
    urgent.send(1).await?;
    let both = Source::merge([channel, Source::new([10, 20])]);
    let mut run = Pipeline::new(1, echo).then_stage(1, echo).run(both);
    assert_eq!(run.next().await.transpose()?, Some(1));
    drop(urgent);
    assert_eq!(run.collect().await?.iter().sum::<u64>(), 10 + 20);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn semaphore() -> Result<()> {
    let (urgent, channel) = Source::channel(4);
    urgent.send(1).await?;
    let both = Source::merge([channel, Source::new([10, 20])]);
    let mut run = WithPermit::new(1, &Semaphore::new(1), echo).run(both);
    assert_eq!(run.next().await.transpose()?, Some(1));
    drop(urgent);
    assert_eq!(run.collect().await?.iter().sum::<u64>(), 10 + 20);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn resource() -> Result<()> {
    let (urgent, channel) = Source::channel(4);
    urgent.send(1).await?;
    let both = Source::merge([channel, Source::new([10, 20])]);
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let job = |(_log, item): (ResourceGuard<String>, u64)| echo(item);
    let mut run = WithResource::new(1, log, job).run(both);
    assert_eq!(run.next().await.transpose()?, Some(1));
    drop(urgent);
    assert_eq!(run.collect().await?.iter().sum::<u64>(), 10 + 20);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn producer_consumer() -> Result<()> {
    let (urgent, channel) = Source::channel(4);
    urgent.send(1).await?;
    let both = Source::merge([channel, Source::new([10, 20])]);
    let mut run = ProducerConsumer::items().consumers(1, echo).run(both);
    assert_eq!(run.next().await.transpose()?, Some(1));
    drop(urgent);
    assert_eq!(run.collect().await?.iter().sum::<u64>(), 10 + 20);
    Ok(())
}
