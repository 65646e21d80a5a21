//! The input of a failed job.

use anyhow::Result;
use towpath_fanout::{Fanout, PatternExt};
use towpath_job::{FailureExt, JobExt};
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_semaphore::{Semaphore, WithPermit};

async fn parse(text: &'static str) -> Result<u64> {
    Ok(text.parse()?)
}

#[tokio::test(start_paused = true)]
async fn fanout() {
    let numbers = Fanout::new(1, parse.keep_input());
    let failure = numbers.run(["1", "two"]).collect().await.expect_err("no number");
    assert_eq!(failure.input::<&str>(), Some(&"two"));
}

/// The input of the stage, and not the input of the pipeline.
#[tokio::test(start_paused = true)]
async fn pipeline() {
    let numbers = Pipeline::new(1, |line: &'static str| async move { Ok(line.trim()) })
        .then_stage(1, parse.keep_input());
    let failure = numbers.run(["1", " two"]).collect().await.expect_err("no number");
    assert_eq!(failure.input::<&str>(), Some(&"two"));
}

#[tokio::test(start_paused = true)]
async fn semaphore() {
    let numbers = WithPermit::new(1, &Semaphore::new(1), parse.keep_input());
    let failure = numbers.run(["1", "two"]).collect().await.expect_err("no number");
    assert_eq!(failure.input::<&str>(), Some(&"two"));
}

/// The item of the consumer, and not the input of the producer.
#[tokio::test(start_paused = true)]
async fn producer_consumer() {
    let words = ProducerConsumer::producers(1, |line: &'static str, queue| async move {
        queue.send(line.trim()).await?;
        Ok(())
    });
    let numbers = words.consumers(1, parse.keep_input());
    let failure = numbers.run(["1", " two"]).collect().await.expect_err("no number");
    assert_eq!(failure.input::<&str>(), Some(&"two"));
}
