//! The most urgent item first.

use anyhow::Result;
use towpath_fanout::{Fanout, PatternExt, Source};
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::{ProducerConsumer, queue};
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

/// A queue with three items, as a source.
async fn queued() -> Result<Source<u32>> {
    let (sender, mut receiver) = queue::bounded_by_priority(8, |urgency: &u32| *urgency);
    for urgency in [1, 9, 5] {
        sender.send(urgency).await?;
    }
    Ok(Source::generate(|out| async move {
        while let Some(item) = receiver.recv().await {
            out.send(item).await;
        }
    }))
}

async fn echo(item: u32) -> Result<u32> {
    Ok(item)
}

#[tokio::test(start_paused = true)]
async fn fanout() -> Result<()> {
    assert_eq!(Fanout::new(1, echo).run(queued().await?).collect().await?, [9, 5, 1]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pipeline() -> Result<()> {
    let echoes = Pipeline::new(1, echo).then_stage(1, echo);
    assert_eq!(echoes.run(queued().await?).collect().await?, [9, 5, 1]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn semaphore() -> Result<()> {
    let echoes = WithPermit::new(1, &Semaphore::new(1), echo);
    assert_eq!(echoes.run(queued().await?).collect().await?, [9, 5, 1]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn resource() -> Result<()> {
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let echoes = WithResource::new(1, log, |(_log, item): (ResourceGuard<String>, u32)| echo(item));
    assert_eq!(echoes.run(queued().await?).collect().await?, [9, 5, 1]);
    Ok(())
}

/// The queue of the pattern has the order.
#[tokio::test(start_paused = true)]
async fn producer_consumer() -> Result<()> {
    let numbers = ProducerConsumer::producers(1, |numbers: [u32; 3], queue| async move {
        queue.send_many(&mut numbers.into()).await?;
        Ok(())
    });
    let echoes = numbers.consumers(1, echo).capacity(3).by_priority(|item| *item);
    assert_eq!(echoes.run([[1, 9, 5]]).collect().await?, [9, 5, 1]);
    Ok(())
}
