//! The scope of a handle: tasks of producers and of consumers that send end before the run does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::yield_now;
use towpath_producer_consumer::{PatternExt, ProducerConsumer, QueueSender, QueueTrySender};

async fn a_while() {
    for _ in 0..50 {
        yield_now().await;
    }
}

/// A task in the scope of a producer sends to the queue until the task ends, and waits for capacity.
#[tokio::test]
async fn task_of_a_producer_sends_until_its_end() {
    let pattern = ProducerConsumer::producers(2, |input: u32, queue: QueueSender<u32>| async move {
        let scope = queue.scope().clone();
        scope.spawn("putting", async move {
            for item in 0..10 {
                a_while().await;
                queue.send(input * 10 + item).await.map_err(|_| anyhow::anyhow!("the queue is closed"))?;
            }
            Ok(())
        });
        Ok(())
    });
    let pattern = pattern.consumers(2, |item: u32| async move { Ok(item) }).capacity(1);
    let mut outputs = pattern.run(0..3).collect().await.expect("no failure");
    outputs.sort_unstable();
    assert_eq!(outputs, (0..30).collect::<Vec<_>>());
}

/// A task in the scope of a consumer that sends ends before the run does.
#[tokio::test]
async fn task_of_a_consumer_that_sends_ends_before_the_run() {
    let ended = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&ended);
    let pattern =
        ProducerConsumer::items().consumers_that_send(2, move |item: u32, queue: QueueTrySender<u32>| {
            let ended = Arc::clone(&counting);
            async move {
                queue.scope().spawn("task", async move {
                    a_while().await;
                    ended.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                });
                Ok(item)
            }
        });
    assert_eq!(pattern.run(0..5).collect().await.expect("no failure").len(), 5);
    assert_eq!(ended.load(Ordering::Relaxed), 5);
}

/// The failure of a task in the scope of a producer is a failure of the run.
#[tokio::test]
async fn failure_of_a_task_of_a_producer_is_a_failure_of_the_run() {
    let pattern = ProducerConsumer::producers(1, |_: u32, queue: QueueSender<u32>| async move {
        queue.scope().spawn("task", async { anyhow::bail!("on purpose") });
        Ok(())
    });
    let pattern = pattern.consumers(1, |item: u32| async move { Ok(item) });
    let failure = pattern.run(0..1).collect().await.expect_err("a task failed");
    assert_eq!(format!("{failure:#}"), "stage `task` failed: on purpose");
}
