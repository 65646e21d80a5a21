//! Several items for an input, or none: a line yields its words.

use anyhow::Result;
use towpath_fanout::{Fanout, PatternExt};
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

async fn words(line: &'static str) -> Result<Vec<&'static str>> {
    Ok(line.split_whitespace().collect())
}

async fn length(word: &'static str) -> Result<usize> {
    Ok(word.len())
}

#[tokio::test(start_paused = true)]
async fn fanout() -> Result<()> {
    let lengths = Fanout::new(2, words).ordered().then_each(Fanout::new(2, length).ordered());
    assert_eq!(lengths.run(["to path", "", "tow"]).collect().await?, [2, 4, 3]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pipeline() -> Result<()> {
    let lengths = Pipeline::new(2, words).ordered().then_each_stage(2, length).ordered();
    assert_eq!(lengths.run(["to path", "", "tow"]).collect().await?, [2, 4, 3]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn semaphore() -> Result<()> {
    let permits = Semaphore::new(1);
    let lengths = WithPermit::new(2, &permits, length).ordered();
    let lengths = WithPermit::new(2, &permits, words).ordered().then_each(lengths);
    assert_eq!(lengths.run(["to path", "", "tow"]).collect().await?, [2, 4, 3]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn resource() -> Result<()> {
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let job = |(_log, line): (ResourceGuard<String>, &'static str)| words(line);
    let lengths = WithResource::new(2, log, job).ordered().then_each(Fanout::new(2, length).ordered());
    assert_eq!(lengths.run(["to path", "", "tow"]).collect().await?, [2, 4, 3]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn producer_consumer() -> Result<()> {
    let words = ProducerConsumer::producers(1, |line: &'static str, queue| async move {
        for word in line.split_whitespace() {
            queue.send(word).await?;
        }
        Ok(())
    });
    let lengths = words.consumers(1, length);
    assert_eq!(lengths.run(["to path", "", "tow"]).collect().await?, [2, 4, 3]);
    Ok(())
}
