//! The inputs of the jobs that the budget of a drain has cancelled.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;
use towpath_fanout::{Fanout, PatternExt, Run};
use towpath_job::JobExt;
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_semaphore::{Semaphore, WithPermit};

async fn wait(seconds: u64) -> Result<()> {
    sleep(Duration::from_secs(seconds)).await;
    Ok(())
}

/// Drains a run whose jobs have started, with a budget of ten seconds.
async fn drain(run: Run<()>) {
    sleep(Duration::from_millis(1)).await;
    let report = run.drain(Duration::from_secs(10)).await;
    assert_eq!((report.cancelled(), report.forced), (1, true));
}

#[tokio::test(start_paused = true)]
async fn fanout() {
    let (wait, cancelled) = wait.keep_cancelled();
    drain(Fanout::new(2, wait).run([1, 60])).await;
    assert_eq!(cancelled.take(), [60]);
}

/// The input of the stage, and not the input of the pipeline.
#[tokio::test(start_paused = true)]
async fn pipeline() {
    let (wait, cancelled) = wait.keep_cancelled();
    let minutes = |minutes: u64| async move { Ok(60 * minutes) };
    drain(Pipeline::new(1, minutes).then_stage(2, wait).run([0, 1])).await;
    assert_eq!(cancelled.take(), [60]);
}

#[tokio::test(start_paused = true)]
async fn semaphore() {
    let (wait, cancelled) = wait.keep_cancelled();
    drain(WithPermit::new(2, &Semaphore::new(2), wait).run([1, 60])).await;
    assert_eq!(cancelled.take(), [60]);
}

/// The item of the consumer, and not the input of the producer.
#[tokio::test(start_paused = true)]
async fn producer_consumer() {
    let (wait, cancelled) = wait.keep_cancelled();
    let minutes = ProducerConsumer::producers(1, |minutes: u64, queue| async move {
        queue.send(60 * minutes).await?;
        Ok(())
    });
    drain(minutes.consumers(2, wait).run([0, 1])).await;
    assert_eq!(cancelled.take(), [60]);
}
