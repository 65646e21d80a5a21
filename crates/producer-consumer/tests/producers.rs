//! Producers, and the queue between producers and consumers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::sleep;
use towpath_producer_consumer::{
    Failure, OnFailure, PatternExt, Produce, ProducerConsumer, Producers, QueueSender, Report, Scope,
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

/// Producers that send `n` items for the input `n`: the sums of `100 * n` and a running number.
fn counting() -> Producers<u64, u64, impl Produce<u64, u64>> {
    ProducerConsumer::producers(2, |n: u64, queue: QueueSender<u64>| async move {
        for item in 0..n {
            queue.send(100 * n + item).await?;
        }
        Ok(())
    })
}

fn counts_of<'a>(report: &'a Report, stage: &str) -> &'a towpath_producer_consumer::Counts {
    &report.stages.iter().find(|report| &*report.stage == stage).expect("a stage of that name").counts
}

/// A producer sends no items or many, one at a time or in batches.
#[tokio::test(start_paused = true)]
async fn producer_sends_any_number_of_items_and_batches() {
    let words = ProducerConsumer::producers(2, |n: usize, queue: QueueSender<usize>| async move {
        let mut batch: VecDeque<_> = (0..n).collect();
        queue.send_many(&mut batch).await?;
        queue.send(1_000).await?;
        Ok(())
    });
    let same = words.consumers(3, |item: usize| async move { Ok(item) }).capacity(2);
    let mut outputs = ends(same.run([0, 5, 2]).collect()).await.unwrap();
    outputs.sort_unstable();
    assert_eq!(outputs, [0, 0, 1, 1, 2, 3, 4, 1_000, 1_000, 1_000]);
}

/// An item has the index of the input of its producer.
#[tokio::test(start_paused = true)]
async fn item_of_a_producer_has_the_index_of_its_input() {
    let same = counting().consumers(3, |item: u64| async move { Ok(item) });
    let mut run = same.run([3, 0, 2]).indexed();
    let mut seen = Vec::new();
    while let Some(output) = ends(run.next()).await {
        let (index, output) = output.unwrap();
        seen.push((output, index));
    }
    seen.sort_unstable();
    assert_eq!(seen, [(200, 2), (201, 2), (300, 0), (301, 0), (302, 0)]);
}

/// A producer waits when the queue has as many items as its capacity.
#[tokio::test(start_paused = true)]
async fn producer_of_a_full_queue_waits() {
    for capacity in [0, 1, 5, 40] {
        let put = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&put);
        let endless = ProducerConsumer::producers(1, move |(), queue: QueueSender<()>| {
            let put = Arc::clone(&counted);
            async move {
                loop {
                    queue.send(()).await?;
                    put.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        let forever = endless.consumers(3, |()| std::future::pending()).capacity(capacity);
        let run: towpath_producer_consumer::Run<()> = forever.run([()]);
        sleep(Duration::from_millis(1)).await;
        assert_eq!(put.load(Ordering::SeqCst), capacity + 3, "with a capacity of {capacity}");
        drop(run);
    }
}

/// A run waits for producers that have sent their last item and still run.
#[tokio::test(start_paused = true)]
async fn run_with_slow_producers_waits_for_their_end() {
    let slow = ProducerConsumer::producers(2, |n: u64, queue: QueueSender<u64>| async move {
        for item in 0..n {
            sleep(Duration::from_secs(1)).await;
            queue.send(item).await?;
        }
        sleep(Duration::from_secs(60)).await;
        Ok(())
    });
    let began = tokio::time::Instant::now();
    let outputs =
        ends(slow.consumers(3, |item: u64| async move { Ok(item) }).run([3, 2]).collect()).await.unwrap();
    assert_eq!((outputs.len(), began.elapsed()), (5, Duration::from_secs(63)));
}

/// A failure has the name of its stage, and stops producers and consumers.
#[tokio::test(start_paused = true)]
async fn failure_of_either_side_stops_both_stages() {
    let picky = ProducerConsumer::producers(1, |n: u64, queue: QueueSender<u64>| async move {
        anyhow::ensure!(n != 7, "seven is not to my taste");
        queue.send(n).await?;
        Ok(())
    });
    let pass = |item: u64| async move { Ok(item) };
    let failure = ends(picky.clone().consumers(2, pass).run([1, 7, 3]).collect()).await.unwrap_err();
    assert_eq!(format!("{failure:#}"), "item 1 at stage `producers` failed: seven is not to my taste");

    let refuse = |item: u64| async move {
        anyhow::ensure!(item != 3, "three, please not");
        Ok(item)
    };
    let named = picky.clone().consumers(2, refuse).named("taste");
    let failure = ends(named.run([1, 2, 3]).collect()).await.unwrap_err();
    assert_eq!(format!("{failure:#}"), "item 2 at stage `taste consumers` failed: three, please not");

    let run = picky.consumers(2, refuse).on_failure(OnFailure::Continue).run([1, 7, 3, 4]);
    let (outputs, failures): (Vec<_>, Vec<_>) =
        ends(run.outcomes()).await.0.into_iter().partition(Result::is_ok);
    let mut outputs: Vec<_> = outputs.into_iter().map(Result::unwrap).collect();
    let mut failures: Vec<_> = failures.into_iter().filter_map(|f| f.err()?.index()).collect();
    outputs.sort_unstable();
    failures.sort_unstable();
    assert_eq!((outputs, failures), (vec![1, 4], vec![1, 2]));
}

/// The items in the queue of a cancelled run are counted as cancelled.
#[tokio::test(start_paused = true)]
async fn items_in_the_queue_at_a_cancel_count_as_cancelled() {
    let forever = counting().consumers(2, |_: u64| std::future::pending()).capacity(10);
    let run: towpath_producer_consumer::Run<()> = forever.run([8]);
    sleep(Duration::from_millis(1)).await;
    run.cancel();
    let report = ends(run.finish()).await;
    let (producers, consumers) = (counts_of(&report, "producers"), counts_of(&report, "consumers"));
    assert_eq!((producers.taken, producers.succeeded), (1, 1));
    assert_eq!((consumers.taken, consumers.cancelled), (8, 8));
}

/// The drop of a run stops the producers that wait for capacity.
#[tokio::test(start_paused = true)]
async fn producer_waiting_for_capacity_at_a_drop_is_gone() {
    let (scope, gate) = (Scope::new("test"), Arc::new(Semaphore::new(0)));
    let alive = Arc::clone(&gate);
    let putting = ProducerConsumer::producers(4, move |n: u64, queue: QueueSender<u64>| {
        let alive = Arc::clone(&alive);
        async move {
            queue.send(n).await?;
            drop(alive);
            Ok(())
        }
    });
    let stuck = putting.consumers(1, |_: u64| std::future::pending()).capacity(1);
    let run: towpath_producer_consumer::Run<()> = stuck.run_in(&scope, 0..100);
    sleep(Duration::from_millis(1)).await;
    assert!(Arc::strong_count(&gate) > 2, "producers wait");
    drop((run, stuck));
    scope.wait().await.unwrap();
    assert_eq!(Arc::strong_count(&gate), 1);
}

/// Consumers run while the producer runs, as in the example of asyncio: the producer needs 0.1 s for each of ten items,
/// and each of three consumers needs 0.2 s for an item.
#[tokio::test(start_paused = true)]
async fn consumers_run_while_the_producer_runs() -> Result<(), Failure> {
    let ten = ProducerConsumer::producers(1, |(), queue: QueueSender<u64>| async move {
        for item in 0..10 {
            sleep(Duration::from_millis(100)).await;
            queue.send(item).await?;
        }
        Ok(())
    });
    let slow = ten.consumers(3, |item: u64| async move {
        sleep(Duration::from_millis(200)).await;
        Ok(item)
    });
    let began = tokio::time::Instant::now();
    assert_eq!(ends(slow.run([()]).collect()).await?, (0..10).collect::<Vec<_>>());
    assert_eq!(began.elapsed(), Duration::from_millis(1_200));
    Ok(())
}

/// An item of a run with `lifo` has the index of its input.
#[tokio::test(start_paused = true)]
async fn index_in_a_lifo_run_is_of_the_input() {
    let all_put = Arc::new(Semaphore::new(0));
    let put = Arc::clone(&all_put);
    let tens = ProducerConsumer::producers(1, move |n: u64, queue: QueueSender<u64>| {
        let put = Arc::clone(&put);
        async move {
            queue.send(10 * n).await?;
            put.add_permits(1);
            Ok(())
        }
    });
    let same = tens.consumers(1, move |item: u64| {
        let all_put = Arc::clone(&all_put);
        async move {
            let _all = all_put.acquire_many(4).await?;
            Ok(item)
        }
    });
    let mut run = same.capacity(9).lifo().run([0, 1, 2, 3]).indexed();
    let mut told = Vec::new();
    while let Some(output) = ends(run.next()).await {
        told.push(output.unwrap());
    }
    told.sort_unstable();
    assert_eq!(told, [(0, 0), (1, 10), (2, 20), (3, 30)]);
}
