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
use towpath_models_shuttle::queue::{self, Receiver, Sender};

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
    fn note_rest(&self, receiver: &mut Receiver<u32>) {
        self.note(std::iter::from_fn(|| receiver.try_recv().ok()));
    }

    /// Every item up to `given` is there once.
    #[track_caller]
    fn is_all_of(&self, given: u32) {
        let mut seen = self.0.lock().unwrap().clone();
        seen.sort_unstable();
        assert!(seen.iter().copied().eq(1..=given), "of 1 to {given} there are {seen:?}");
    }
}

/// A batch whose rest is noted when its sender is gone.
struct Batch(VecDeque<u32>, Ledger);

impl Drop for Batch {
    fn drop(&mut self) {
        self.1.note(self.0.drain(..));
    }
}

fn queue(capacity: usize) -> (Sender<u32>, Receiver<u32>) {
    if once_in(4) { queue::bounded_lifo(capacity) } else { queue::bounded(capacity) }
}

/// Takes one item. The receiver lives on: dropped, it would call the next one itself.
fn take(mut receiver: Receiver<u32>, ledger: &Ledger) -> JoinHandle<Receiver<u32>> {
    let ledger = ledger.clone();
    spawn(async move {
        ledger.note(receiver.recv().await);
        receiver
    })
}

fn two_receivers() {
    let (sender, receiver) = queue(any(2..=3));
    let ledger = Ledger::default();
    let receivers = [take(receiver.clone(), &ledger), take(receiver, &ledger)];
    sender.try_send(1).unwrap();
    sender.try_send(2).unwrap();
    let receivers = receivers.map(|receiver| block_on(receiver).unwrap());
    ledger.is_all_of(2);
    drop(receivers);
}

#[test]
fn two_receivers_that_wait_get_an_item_each() {
    explore(6_000, two_receivers);
}

/// With room for three the second item calls nobody: the first receiver has to.
#[test]
fn a_receiver_calls_the_next_in_the_schedule_in_which_one_did_not() {
    again(9_720_186_455_290_177_743, two_receivers);
}

#[test]
fn a_receiver_that_gives_up_leaves_the_item_to_the_other() {
    explore(6_000, || {
        let (sender, mut receiver) = queue(1);
        let ledger = Ledger::default();
        let (gives_up, other) = (take(receiver.clone(), &ledger), take(receiver.clone(), &ledger));
        block_on(async {
            a_while().await;
            gives_up.abort();
            sender.send(1).await.unwrap();
            let has_taken = gives_up.await;
            let given = if has_taken.is_ok() { 2 } else { 1 };
            if given == 2 {
                sender.send(2).await.unwrap();
            }
            other.await.unwrap();
            ledger.note_rest(&mut receiver);
            ledger.is_all_of(given);
        });
    });
}

#[test]
fn a_sender_that_gives_up_within_a_batch_has_the_rest_back_and_leaves_its_room_to_the_other() {
    explore(10_000, || {
        let (sender, mut receiver) = queue(any(1..=2));
        let ledger = Ledger::default();
        let (leaving, mut batch) = (sender.clone(), Batch((1..=4).collect(), ledger.clone()));
        let gives_up = spawn(async move { leaving.send_many(&mut batch.0).await });
        let other = sender.clone();
        let other = spawn(async move { other.send(5).await });
        let book = ledger.clone();
        let receiver = spawn(async move {
            while let Some(item) = receiver.recv().await {
                book.note([item]);
                if item == 5 {
                    break;
                }
            }
            receiver
        });
        block_on(async {
            a_while().await;
            gives_up.abort();
            gives_up.await.ok();
            assert!(sender.len() <= sender.capacity(), "{sender:?}");
            other.await.unwrap().unwrap();
            ledger.note_rest(&mut receiver.await.unwrap());
        });
        ledger.is_all_of(5);
    });
}

/// Gives `items` in one of the ways there are.
async fn give(sender: Sender<u32>, items: impl IntoIterator<Item = u32>) {
    let mut items: VecDeque<u32> = items.into_iter().collect();
    if once_in(2) {
        return sender.send_many(&mut items).await.unwrap();
    }
    for item in items {
        let item = if once_in(2) {
            sender.try_send(item).err().map(queue::TrySendError::into_inner)
        } else {
            Some(item)
        };
        if let Some(item) = item {
            sender.send(item).await.unwrap();
        }
    }
}

/// Takes `count` items in one of the ways there are.
async fn take_so_many(mut receiver: Receiver<u32>, count: usize, ledger: Ledger) {
    let mut taken = Vec::new();
    while taken.len() < count {
        if once_in(3) {
            taken.extend(receiver.try_recv());
        } else if once_in(2) {
            taken.extend(receiver.recv().await);
        } else {
            receiver.recv_many(count - taken.len(), &mut taken).await;
        }
        if once_in(5) {
            yield_now().await;
        }
    }
    ledger.note(taken);
}

#[test]
fn every_item_of_several_senders_reaches_one_of_several_receivers() {
    explore(20_000, || {
        let (sender, receiver) = queue(any(0..=3));
        let ledger = Ledger::default();
        let senders = [1..=3, 4..=6].map(|items| spawn(give(sender.clone(), items)));
        let receivers = [4, 2].map(|count| spawn(take_so_many(receiver.clone(), count, ledger.clone())));
        for task in senders.into_iter().chain(receivers) {
            block_on(task).unwrap();
        }
        ledger.is_all_of(6);
        assert!(sender.is_empty());
    });
}

#[test]
fn a_receiver_that_was_polled_by_another_waker_is_woken_by_its_last() {
    explore(4_000, || {
        let (sender, mut receiver) = queue(1);
        let receiver = spawn(async move {
            let mut take = pin!(receiver.recv());
            match poll(take.as_mut()) {
                Poll::Ready(item) => item,
                Poll::Pending => take.await,
            }
        });
        block_on(async {
            sender.send(1).await.unwrap();
            assert_eq!(receiver.await.unwrap(), Some(1));
        });
    });
}

#[test]
fn whoever_joins_is_told_when_the_last_item_is_finished() {
    explore(6_000, || {
        let (sender, receiver) = queue(2);
        let ledger = Ledger::default();
        let receivers = [receiver.clone(), receiver.clone()].map(|mut receiver| {
            let ledger = ledger.clone();
            spawn(async move {
                let item = receiver.recv().await;
                yield_now().await;
                ledger.note(item);
            })
        });
        block_on(async {
            give(sender.clone(), 1..=2).await;
            sender.join().await.unwrap();
            ledger.is_all_of(2);
            for receiver in receivers {
                receiver.await.unwrap();
            }
        });
        drop(receiver);
    });
}

fn closing() {
    let (sender, mut receiver) = queue(1);
    let ledger = Ledger::default();
    let senders = [1..=2, 3..=4].map(|items| {
        let (sender, mut batch) = (sender.clone(), Batch(items.collect(), ledger.clone()));
        spawn(async move {
            let _ = sender.send_many(&mut batch.0).await;
        })
    });
    let receivers = [receiver.clone(), receiver.clone()].map(|receiver| take(receiver, &ledger));
    sender.close();
    for sender in senders {
        block_on(sender).unwrap();
    }
    let receivers = receivers.map(|receiver| block_on(receiver).unwrap());
    ledger.note_rest(&mut receiver);
    drop(receivers);
    ledger.is_all_of(4);
}

#[test]
fn a_close_lets_everybody_go_and_drops_nothing() {
    explore(8_000, closing);
}

/// The senders had begun to wait before the queue was closed.
#[test]
fn a_close_lets_a_sender_go_in_the_schedule_in_which_it_did_not() {
    again(9_409_172_840_246_399_682, closing);
}
