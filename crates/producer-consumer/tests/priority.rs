//! Producers and consumers by priority.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;
use tokio::task::yield_now;
use towpath_producer_consumer::{PatternExt, ProducerConsumer, QueueSender, QueueTrySender};

type Item = (u8, u32);

/// The only consumer takes its first item, and holds the item until the producer has sent all items.
#[tokio::test]
async fn free_consumer_takes_the_most_urgent_item() {
    let all_sent = Arc::new(Semaphore::new(0));
    let sent = Arc::clone(&all_sent);
    let items = [(0, 0), (1, 1), (7, 2), (1, 3), (9, 4), (7, 5)];
    let producers = ProducerConsumer::producers(1, move |items: Vec<Item>, queue: QueueSender<Item>| {
        let sent = Arc::clone(&sent);
        async move {
            for item in items {
                queue.send(item).await?;
            }
            sent.add_permits(100);
            Ok(())
        }
    });
    let consumers = producers.consumers(1, move |item: Item| {
        let all_sent = Arc::clone(&all_sent);
        async move {
            let _sent = all_sent.acquire().await?;
            Ok(item)
        }
    });
    let pattern = consumers.capacity(10).by_priority(|item| item.0);
    for _ in 0..3 {
        let taken = pattern.clone().run([items.to_vec()]).collect().await.expect("no failure");
        let (first, rest) = taken.split_first().expect("six items");
        // The first output is the item that the consumer took first. The further items are taken by urgency.
        let mut expected: Vec<_> = items.iter().copied().filter(|item| item != first).collect();
        expected.sort_by_key(|item| std::cmp::Reverse(item.0));
        assert_eq!(rest, expected);
    }
}

/// An item that a consumer sends is taken before a less urgent item that was in the queue earlier.
#[tokio::test]
async fn item_sent_by_a_consumer_passes_less_urgent_items() {
    let job = |(urgency, number): Item, queue: QueueTrySender<Item>| async move {
        yield_now().await;
        if number == 0 {
            for more in 1..4 {
                queue.try_send((urgency + 1, more))?;
            }
        }
        Ok(number)
    };
    let pattern =
        ProducerConsumer::items().consumers_that_send(1, job).capacity(20).by_priority(|item| item.0);
    let taken = pattern.run([(5, 0), (1, 10), (1, 11), (1, 12)]).collect().await.expect("no failure");
    assert_eq!(taken, [0, 1, 2, 3, 10, 11, 12]);
}

#[tokio::test]
async fn panic_of_the_urgency_is_the_failure_of_the_producer() {
    let consumed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&consumed);
    let consumers = ProducerConsumer::items().consumers(1, move |_: Item| {
        count.fetch_add(1, Ordering::Relaxed);
        async { Ok(()) }
    });
    let pattern = consumers.capacity(20).by_priority(|item| {
        assert!(item.1 != 3, "no urgency");
        item.0
    });
    let report = pattern.run((0..10).map(|number| (1, number))).finish().await;
    assert_eq!(report.stages[0].counts.panicked, 1);
    assert!(report.failures.iter().any(|failure| format!("{failure:#}").contains("no urgency")));
    for stage in &report.stages {
        assert_eq!(stage.counts.taken, stage.counts.settled(), "{stage}");
    }
    assert!(consumed.load(Ordering::Relaxed) <= 3);
}

/// The last call of `lifo` or `by_priority` sets the order.
#[tokio::test]
async fn order_of_the_queue_is_the_last_that_was_named() {
    let job = |number: u32, queue: QueueTrySender<u32>| async move {
        if number == 0 {
            for more in [1, 3, 2] {
                queue.try_send(more)?;
            }
        }
        Ok(number)
    };
    let pattern = || ProducerConsumer::items().consumers_that_send(1, job).capacity(20);
    let by_number = pattern().lifo().by_priority(|number| *number).run([0]).collect().await;
    assert_eq!(by_number.expect("no failure"), [0, 3, 2, 1]);
    let newest = pattern().by_priority(|number| *number).lifo().run([0]).collect().await;
    assert_eq!(newest.expect("no failure"), [0, 2, 3, 1]);
}
