//! Wrong uses, and the messages for them.

use std::time::Duration;

use towpath_producer_consumer::{
    PatternExt, Produce, ProducerConsumer, Producers, QueueSender, Scope, TrySendError, anyhow, async_channel,
};
use towpath_testkit::panic_of;

fn counting(limit: usize) -> Producers<u64, u64, impl Produce<u64, u64>> {
    ProducerConsumer::producers(limit, |to: u64, queue: QueueSender<u64>| async move {
        for item in 0..to {
            queue.send(item).await?;
        }
        Ok(())
    })
}

/// Awaits a run, and fails the test if the run does not end. On a paused clock, the test fails at once.
async fn ends<F: Future>(run: F) -> F::Output {
    // Not `timeout`: at its end, `timeout` polls the run once more, which hides a lost wake-up.
    tokio::select! {
        biased;
        () = tokio::time::sleep(Duration::from_secs(100)) => panic!("the run does not end"),
        ended = run => ended,
    }
}

async fn send_nothing(_: u64, _: QueueSender<u64>) -> anyhow::Result<()> {
    Ok(())
}

/// A limit of zero panics, and the location is the line of the caller.
#[test]
fn limit_of_zero_panics_at_the_caller() {
    let wrong: [(u32, fn()); 3] = [
        (line!(), || drop(ProducerConsumer::producers(0, send_nothing))),
        (line!(), || drop(counting(1).consumers(0, |item: u64| async move { Ok(item) }))),
        (line!(), || drop(counting(1).consumers_that_send(0, |item: u64, _| async move { Ok(item) }))),
    ];
    for (line, wrong) in wrong {
        let (message, place) = panic_of(wrong);
        assert_eq!(message, "a limit of 0 would never run a job; use 1 or more");
        let place = place.expect("a place");
        assert!(
            place.contains(&format!("misuse.rs:{line}:")),
            "the panic was at {place}, not in line {line}"
        );
    }
}

/// A run outside a tokio runtime panics, and the message has the remedy.
#[test]
fn run_outside_a_runtime_panics_with_advice() {
    let both = counting(1).consumers(1, |item: u64| async move { Ok(item) });
    let (message, _) = panic_of(|| both.run([1]));
    assert!(message.starts_with("a run of `producers` was started outside a tokio runtime; start it"));
}

/// A run with the largest limits and capacity completes.
#[tokio::test(start_paused = true)]
async fn largest_limits_and_capacity_run_all_jobs() {
    let both = counting(usize::MAX).consumers(usize::MAX, |item: u64| async move { Ok(item) });
    let outputs =
        ends(both.capacity(usize::MAX).run([1_000, 1_000]).collect()).await.expect("it does not fail");
    assert_eq!(outputs.iter().sum::<u64>(), 999_000);
}

/// A run without inputs, or with producers that send no items, completes without outputs.
#[tokio::test(start_paused = true)]
async fn run_of_no_items_yields_no_outputs() {
    let both = counting(1).consumers(1, |item: u64| async move { Ok(item) });
    assert!(ends(both.run([]).collect()).await.expect("it does not fail").is_empty());
    assert!(ends(both.run([0, 0]).collect()).await.expect("it does not fail").is_empty(), "no item was sent");
}

/// A deadline on a runtime without timers panics, and the message names the timers.
#[test]
fn deadline_without_timers_panics_with_the_reason() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (message, _) = panic_of(|| {
        runtime.block_on(async {
            let scope = Scope::new("hurried").with_timeout(Duration::from_secs(1));
            let both = counting(1).consumers(1, |item: u64| async move { Ok(item) });
            both.run_in(&scope, [1]).collect().await
        })
    });
    assert!(message.contains("timers are disabled"), "{message}");
}

/// A handle that outlives its job finds the queue closed, and returns the items.
#[tokio::test]
async fn send_after_the_run_returns_the_items() {
    let (outlives, handles) = async_channel::unbounded();
    let producing = ProducerConsumer::producers(1, move |_: u64, queue: QueueSender<u64>| {
        let outlives = outlives.clone();
        async move {
            queue.send(1).await?;
            Ok(outlives.try_send(queue)?)
        }
    });
    let both = producing.consumers(1, |item: u64| async move { Ok(item) });
    assert_eq!(both.run([0]).collect().await.expect("it does not fail"), [1]);
    let queue = handles.try_recv().expect("the job has stored its handle");
    let refused = queue.send(2).await.expect_err("the run is over");
    assert_eq!((refused.to_string(), refused.0), ("the queue is closed".to_owned(), 2));
    let mut many = [3, 4].into();
    queue.send_many(&mut many).await.expect_err("the run is over");
    assert_eq!(many, [3, 4]);
}

/// `try_send` with a capacity of zero returns the item as full.
#[tokio::test]
async fn try_send_with_a_capacity_of_zero_returns_full() {
    let both = ProducerConsumer::items().consumers_that_send(1, |item: u64, queue| async move {
        match queue.try_send(item + 1) {
            Err(TrySendError::Full(back)) if back == item + 1 => {
                anyhow::bail!("{}", TrySendError::Full(back))
            }
            _ => Ok(item),
        }
    });
    let failure = both.capacity(0).run([1]).collect().await.expect_err("the queue has no capacity");
    assert_eq!(format!("{failure:#}"), "item 0 at stage `consumers` failed: the queue is full");
}

/// A producer sends any number of items, so a call would have no output of its own.
#[tokio::test]
async fn producers_and_consumers_are_no_service() {
    let copy = counting(1).consumers(1, |item: u64| async move { Ok(item) });
    let (message, _) = panic_of(|| drop(copy.serve(&Scope::default(), 1)));
    assert!(message.contains("a call would have no output of its own"), "{message}");
}
