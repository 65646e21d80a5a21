//! Consumers that send: the run ends by itself, and a consumer never waits for capacity.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::sleep;
use towpath_producer_consumer::queue::TrySendError;
use towpath_producer_consumer::{
    Consumer, Failure, PatternExt, Produce, ProducerConsumer, Producers, QueueSender, QueueTrySender,
};

/// Awaits a run, and fails the test if the run does not end. On a paused clock, the test fails at once.
async fn ends<F: Future>(run: F) -> F::Output {
    // Not `timeout`: at its end, `timeout` polls the run once more, which hides a lost wake-up.
    tokio::select! {
        biased;
        () = tokio::time::sleep(Duration::from_secs(100)) => panic!("the run does not end"),
        ended = run => ended,
    }
}

/// Visits the numbers up to `most` once, from 1: the consumer of `n` sends `2n` and `2n + 1`.
fn tree(
    most: u64,
) -> ProducerConsumer<Producers<u64, u64, impl Produce<u64, u64>>, impl Consumer<u64, Out = u64>> {
    ProducerConsumer::items().consumers_that_send(
        4,
        move |number: u64, queue: QueueTrySender<u64>| async move {
            if number.is_multiple_of(3) {
                sleep(Duration::from_micros(number % 50)).await;
            }
            for next in [2 * number, 2 * number + 1] {
                if next <= most {
                    queue.try_send(next)?;
                }
            }
            Ok(number)
        },
    )
}

async fn finds_everything(most: u64) -> Result<(), Failure> {
    let mut found = ends(tree(most).capacity(10_000).run([1]).collect()).await?;
    found.sort_unstable();
    assert!(found.into_iter().eq(1..=most), "of {most}");
    Ok(())
}

/// A run ends when the queue is empty and no job runs.
#[tokio::test(start_paused = true)]
async fn run_with_an_empty_queue_and_no_job_ends() -> Result<(), Failure> {
    for most in [1, 2, 7, 100, 5_000] {
        finds_everything(most).await?;
    }
    Ok(())
}

/// A run on several threads ends, and not before the last item.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn run_on_four_threads_ends_after_the_last_item() -> Result<(), Failure> {
    for most in (1..40).chain([1_000, 5_000]) {
        // The clock is not paused, so the run takes time.
        let found = tokio::time::timeout(Duration::from_secs(20), finds_everything(most)).await;
        found.unwrap_or_else(|_| panic!("the run over {most} numbers does not end"))?;
    }
    Ok(())
}

/// Idle consumers wait for the items that the last job may send.
#[tokio::test(start_paused = true)]
async fn idle_consumers_wait_for_items_of_the_last_job() -> Result<(), Failure> {
    let chain = ProducerConsumer::items().consumers_that_send(8, |left: u64, queue| async move {
        sleep(Duration::from_secs(1)).await;
        if left > 0 {
            queue.try_send(left - 1)?;
        }
        Ok(left)
    });
    assert_eq!(ends(chain.run([4]).collect()).await?, [4, 3, 2, 1, 0]);
    Ok(())
}

/// `try_send` to a full queue returns the item.
#[tokio::test(start_paused = true)]
async fn try_send_to_a_full_queue_returns_the_item() -> Result<(), Failure> {
    let greedy = ProducerConsumer::items().consumers_that_send(1, |number: u64, queue| async move {
        if number > 0 {
            return Ok(Vec::new());
        }
        let back = (1..=5).filter_map(|item| queue.try_send(item).err()).collect::<Vec<_>>();
        Ok(back.into_iter().map(TrySendError::into_inner).collect())
    });
    let back = ends(greedy.capacity(2).run([0]).collect()).await?;
    assert_eq!(back, [vec![3, 4, 5], vec![], vec![]]);
    Ok(())
}

/// `try_send` after the end of the run returns the item as closed.
#[tokio::test(start_paused = true)]
async fn try_send_after_the_run_returns_closed() {
    let kept = Arc::new(Mutex::new(None));
    let keeper = Arc::clone(&kept);
    let leaky = ProducerConsumer::items().consumers_that_send(1, move |number: u64, queue| {
        *keeper.lock().unwrap() = Some(queue);
        async move { Ok(number) }
    });
    assert_eq!(ends(leaky.run([1]).collect()).await.unwrap(), [1]);
    let queue = kept.lock().unwrap().take().expect("the job has stored its handle");
    assert!(matches!(queue.try_send(2), Err(TrySendError::Closed(2))));
}

/// An item that a consumer sends has the index of the input from which the item derives.
#[tokio::test(start_paused = true)]
async fn item_of_a_consumer_has_the_index_of_the_input() -> Result<(), Failure> {
    let mut run = tree(20).capacity(100).run([4, 5]).indexed();
    let mut seen = Vec::new();
    while let Some(output) = ends(run.next()).await {
        let (index, output) = output?;
        seen.push((output, index));
    }
    seen.sort_unstable();
    let expected =
        [(4, 0), (5, 1), (8, 0), (9, 0), (10, 1), (11, 1), (16, 0), (17, 0), (18, 0), (19, 0), (20, 1)];
    assert_eq!(seen, expected);
    Ok(())
}

/// A walk through a tree with `lifo` is depth first.
#[tokio::test(start_paused = true)]
async fn lifo_walk_visits_a_tree_depth_first() -> Result<(), Failure> {
    let walk = ProducerConsumer::items().consumers_that_send(1, |number: u64, queue| async move {
        for next in [2 * number + 1, 2 * number] {
            if next < 8 {
                queue.try_send(next)?;
            }
        }
        Ok(number)
    });
    assert_eq!(ends(walk.clone().capacity(10).run([1]).collect()).await?, [1, 3, 2, 7, 6, 5, 4]);
    assert_eq!(ends(walk.capacity(10).lifo().run([1]).collect()).await?, [1, 2, 4, 5, 3, 6, 7]);
    Ok(())
}

/// Producers and consumers send to the same queue.
#[tokio::test(start_paused = true)]
async fn producers_and_consumers_send_to_the_same_queue() -> Result<(), Failure> {
    let both = ProducerConsumer::producers(2, |n: u64, queue: QueueSender<u64>| async move {
        for item in 0..n {
            sleep(Duration::from_millis(10)).await;
            queue.send(item).await?;
        }
        Ok(())
    });
    let again = both.consumers_that_send(2, |item: u64, queue| async move {
        if item < 100 {
            queue.try_send(item + 100)?;
        }
        Ok(item)
    });
    let outputs = ends(again.capacity(10).run([3, 2]).collect()).await?;
    assert_eq!(outputs.iter().sum::<u64>(), 3 + 303 + 1 + 201);
    Ok(())
}
