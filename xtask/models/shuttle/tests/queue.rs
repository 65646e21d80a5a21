//! The queue by itself: what is given is taken, comes back, or is still there, and nobody waits for what is there.
//!
//! No model but the one about closing closes the queue before everybody is done: a close wakes everybody, and so
//! hides a wake-up that was lost.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use shuttle::future::{JoinHandle, block_on, spawn, yield_now};
use towpath_models_shuttle::explore::{a_while, again, any, explore, once_in, poll};
use towpath_models_shuttle::queue::{self, Consumer, Producer};

/// Where the items end up, whatever becomes of the task that had them.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<Vec<u32>>>);

impl Ledger {
    fn note(&self, items: impl IntoIterator<Item = u32>) {
        // Collected first: nobody else may run while this lock, which is not shuttle's, is held.
        let items: Vec<u32> = items.into_iter().collect();
        self.0.lock().unwrap().extend(items);
    }

    /// What is left in the queue.
    fn note_rest(&self, consumer: &mut Consumer<u32>) {
        self.note(std::iter::from_fn(|| consumer.try_take().ok()));
    }

    /// Every item up to `given` is there once.
    #[track_caller]
    fn is_all_of(&self, given: u32) {
        let mut seen = self.0.lock().unwrap().clone();
        seen.sort_unstable();
        assert!(seen.iter().copied().eq(1..=given), "of 1 to {given} there are {seen:?}");
    }
}

/// A batch whose rest is noted when its giver is gone.
struct Batch(VecDeque<u32>, Ledger);

impl Drop for Batch {
    fn drop(&mut self) {
        self.1.note(self.0.drain(..));
    }
}

fn queue(capacity: usize) -> (Producer<u32>, Consumer<u32>) {
    if once_in(4) { queue::lifo(capacity) } else { queue::fifo(capacity) }
}

/// Takes one item. The consumer lives on: dropped, it would call the next one itself.
fn take(mut consumer: Consumer<u32>, ledger: &Ledger) -> JoinHandle<Consumer<u32>> {
    let ledger = ledger.clone();
    spawn(async move {
        ledger.note(consumer.take().await);
        consumer
    })
}

fn two_takers() {
    let (producer, consumer) = queue(any(2..=3));
    let ledger = Ledger::default();
    let takers = [take(consumer.clone(), &ledger), take(consumer, &ledger)];
    producer.try_put(1).unwrap();
    producer.try_put(2).unwrap();
    let consumers = takers.map(|taker| block_on(taker).unwrap());
    ledger.is_all_of(2);
    drop(consumers);
}

#[test]
fn two_takers_that_wait_get_an_item_each() {
    explore(6_000, two_takers);
}

/// With room for three the second item calls nobody: the first taker has to.
#[test]
fn a_taker_calls_the_next_in_the_schedule_in_which_one_did_not() {
    again(9_720_186_455_290_177_743, two_takers);
}

#[test]
fn a_taker_that_gives_up_leaves_the_item_to_the_other() {
    explore(6_000, || {
        let (producer, mut consumer) = queue(1);
        let ledger = Ledger::default();
        let (gives_up, other) = (take(consumer.clone(), &ledger), take(consumer.clone(), &ledger));
        block_on(async {
            a_while().await;
            gives_up.abort();
            producer.put(1).await.unwrap();
            let has_taken = gives_up.await;
            let given = if has_taken.is_ok() { 2 } else { 1 };
            if given == 2 {
                producer.put(2).await.unwrap();
            }
            other.await.unwrap();
            ledger.note_rest(&mut consumer);
            ledger.is_all_of(given);
        });
    });
}

#[test]
fn a_giver_that_gives_up_within_a_batch_has_the_rest_back_and_leaves_its_room_to_the_other() {
    explore(10_000, || {
        let (producer, mut consumer) = queue(any(1..=2));
        let ledger = Ledger::default();
        let (giver, mut batch) = (producer.clone(), Batch((1..=4).collect(), ledger.clone()));
        let gives_up = spawn(async move { giver.put_many(&mut batch.0).await });
        let other = producer.clone();
        let other = spawn(async move { other.put(5).await });
        let book = ledger.clone();
        let taker = spawn(async move {
            while let Some(item) = consumer.take().await {
                book.note([item]);
                if item == 5 {
                    break;
                }
            }
            consumer
        });
        block_on(async {
            a_while().await;
            gives_up.abort();
            gives_up.await.ok();
            assert!(producer.len() <= producer.capacity(), "{producer:?}");
            other.await.unwrap().unwrap();
            ledger.note_rest(&mut taker.await.unwrap());
        });
        ledger.is_all_of(5);
    });
}

/// Gives `items` in one of the ways there are.
async fn give(producer: Producer<u32>, items: impl IntoIterator<Item = u32>) {
    let mut items: VecDeque<u32> = items.into_iter().collect();
    if once_in(2) {
        return producer.put_many(&mut items).await.unwrap();
    }
    for item in items {
        let item = if once_in(2) {
            producer.try_put(item).err().map(queue::TryPutError::into_inner)
        } else {
            Some(item)
        };
        if let Some(item) = item {
            producer.put(item).await.unwrap();
        }
    }
}

/// Takes `count` items in one of the ways there are.
async fn take_so_many(mut consumer: Consumer<u32>, count: usize, ledger: Ledger) {
    let mut taken = Vec::new();
    while taken.len() < count {
        if once_in(3) {
            taken.extend(consumer.try_take());
        } else if once_in(2) {
            taken.extend(consumer.take().await);
        } else {
            consumer.take_many(count - taken.len(), &mut taken).await;
        }
        if once_in(5) {
            yield_now().await;
        }
    }
    ledger.note(taken);
}

#[test]
fn every_item_of_several_givers_reaches_one_of_several_takers() {
    explore(20_000, || {
        let (producer, consumer) = queue(any(0..=3));
        let ledger = Ledger::default();
        let givers = [1..=3, 4..=6].map(|items| spawn(give(producer.clone(), items)));
        let takers = [4, 2].map(|count| spawn(take_so_many(consumer.clone(), count, ledger.clone())));
        for task in givers.into_iter().chain(takers) {
            block_on(task).unwrap();
        }
        ledger.is_all_of(6);
        assert!(producer.is_empty());
    });
}

#[test]
fn a_taker_that_was_polled_by_another_waker_is_woken_by_its_last() {
    explore(4_000, || {
        let (producer, mut consumer) = queue(1);
        let taker = spawn(async move {
            let mut take = pin!(consumer.take());
            match poll(take.as_mut()) {
                Poll::Ready(item) => item,
                Poll::Pending => take.await,
            }
        });
        block_on(async {
            producer.put(1).await.unwrap();
            assert_eq!(taker.await.unwrap(), Some(1));
        });
    });
}

#[test]
fn whoever_joins_is_told_when_the_last_item_is_finished() {
    explore(6_000, || {
        let (producer, consumer) = queue(2);
        let ledger = Ledger::default();
        let takers = [consumer.clone(), consumer.clone()].map(|mut consumer| {
            let ledger = ledger.clone();
            spawn(async move {
                let item = consumer.take().await;
                yield_now().await;
                ledger.note(item);
            })
        });
        block_on(async {
            give(producer.clone(), 1..=2).await;
            producer.join().await.unwrap();
            ledger.is_all_of(2);
            for taker in takers {
                taker.await.unwrap();
            }
        });
        drop(consumer);
    });
}

fn closing() {
    let (producer, mut consumer) = queue(1);
    let ledger = Ledger::default();
    let givers = [1..=2, 3..=4].map(|items| {
        let (producer, mut batch) = (producer.clone(), Batch(items.collect(), ledger.clone()));
        spawn(async move {
            let _ = producer.put_many(&mut batch.0).await;
        })
    });
    let takers = [consumer.clone(), consumer.clone()].map(|consumer| take(consumer, &ledger));
    producer.close();
    for giver in givers {
        block_on(giver).unwrap();
    }
    let consumers = takers.map(|taker| block_on(taker).unwrap());
    ledger.note_rest(&mut consumer);
    drop(consumers);
    ledger.is_all_of(4);
}

#[test]
fn a_close_lets_everybody_go_and_drops_nothing() {
    explore(8_000, closing);
}

/// The givers had begun to wait before the queue was closed.
#[test]
fn a_close_lets_a_giver_go_in_the_schedule_in_which_it_did_not() {
    again(9_409_172_840_246_399_682, closing);
}
