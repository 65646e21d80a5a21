//! The queue alone: each sent item is received, returned to its sender, or still in the queue, and no task waits for an
//! item that is in the queue.
//!
//! Only the model of closing closes the queue before all tasks are done: a close wakes all waiters, and so hides a lost
//! wake-up.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use shuttle::future::{JoinHandle, block_on, spawn, yield_now};
use towpath_models_shuttle::explore::{a_while, again, any, explore, once_in, poll};
use towpath_models_shuttle::queue::{self, Receiver, Sender};

/// The items of all tasks, also of cancelled tasks.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<Vec<u32>>>);

impl Ledger {
    fn note(&self, items: impl IntoIterator<Item = u32>) {
        // Collected first: no other task may run while this lock, which is not shuttle's, is held.
        let items: Vec<u32> = items.into_iter().collect();
        self.0.lock().unwrap().extend(items);
    }

    /// Notes the items left in the queue.
    fn note_rest(&self, receiver: &mut Receiver<u32>) {
        self.note(std::iter::from_fn(|| receiver.try_recv().ok()));
    }

    /// Asserts that every item up to `given` is noted once.
    #[track_caller]
    fn is_all_of(&self, given: u32) {
        let mut seen = self.0.lock().unwrap().clone();
        seen.sort_unstable();
        assert!(seen.iter().copied().eq(1..=given), "of 1 to {given} there are {seen:?}");
    }
}

/// A batch whose rest is noted when its sender is dropped.
struct Batch(VecDeque<u32>, Ledger);

impl Drop for Batch {
    fn drop(&mut self) {
        self.1.note(self.0.drain(..));
    }
}

fn queue(capacity: usize) -> (Sender<u32>, Receiver<u32>) {
    if once_in(4) { queue::bounded_lifo(capacity) } else { queue::bounded(capacity) }
}

/// Receives one item. The receiver stays alive: its drop would notify the next receiver.
fn recv(mut receiver: Receiver<u32>, ledger: &Ledger) -> JoinHandle<Receiver<u32>> {
    let ledger = ledger.clone();
    spawn(async move {
        ledger.note(receiver.recv().await);
        receiver
    })
}

fn two_receivers() {
    let (sender, receiver) = queue(any(2..=3));
    let ledger = Ledger::default();
    let receivers = [recv(receiver.clone(), &ledger), recv(receiver, &ledger)];
    sender.try_send(1).unwrap();
    sender.try_send(2).unwrap();
    let receivers = receivers.map(|receiver| block_on(receiver).unwrap());
    ledger.is_all_of(2);
    drop(receivers);
}

#[test]
fn two_waiting_receivers_get_an_item_each() {
    explore(6_000, two_receivers);
}

/// With a capacity of three, the second item notifies no receiver: the first receiver must notify the second.
#[test]
fn receiver_notifies_the_next_in_the_schedule_that_once_failed() {
    again(9_720_186_455_290_177_743, two_receivers);
}

#[test]
fn cancelled_receiver_leaves_the_item_to_the_other() {
    explore(6_000, || {
        let (sender, mut receiver) = queue(1);
        let ledger = Ledger::default();
        let (cancelled, other) = (recv(receiver.clone(), &ledger), recv(receiver.clone(), &ledger));
        block_on(async {
            a_while().await;
            cancelled.abort();
            sender.send(1).await.unwrap();
            let has_received = cancelled.await;
            let given = if has_received.is_ok() { 2 } else { 1 };
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
fn cancelled_batch_comes_back_and_leaves_its_capacity() {
    explore(10_000, || {
        let (sender, mut receiver) = queue(any(1..=2));
        let ledger = Ledger::default();
        let (leaving, mut batch) = (sender.clone(), Batch((1..=4).collect(), ledger.clone()));
        let cancelled = spawn(async move { leaving.send_many(&mut batch.0).await });
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
            cancelled.abort();
            cancelled.await.ok();
            assert!(sender.len() <= sender.capacity(), "{sender:?}");
            other.await.unwrap().unwrap();
            ledger.note_rest(&mut receiver.await.unwrap());
        });
        ledger.is_all_of(5);
    });
}

/// Sends `items` by one of the methods.
async fn send(sender: Sender<u32>, items: impl IntoIterator<Item = u32>) {
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

/// Receives `count` items by one of the methods.
async fn recv_so_many(mut receiver: Receiver<u32>, count: usize, ledger: Ledger) {
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
fn item_of_a_sender_reaches_one_receiver() {
    explore(20_000, || {
        let (sender, receiver) = queue(any(0..=3));
        let ledger = Ledger::default();
        let senders = [1..=3, 4..=6].map(|items| spawn(send(sender.clone(), items)));
        let receivers = [4, 2].map(|count| spawn(recv_so_many(receiver.clone(), count, ledger.clone())));
        for task in senders.into_iter().chain(receivers) {
            block_on(task).unwrap();
        }
        ledger.is_all_of(6);
        assert!(sender.is_empty());
    });
}

#[test]
fn receiver_is_woken_by_the_waker_of_its_last_poll() {
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
fn join_completes_when_the_last_item_is_finished() {
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
            send(sender.clone(), 1..=2).await;
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
    let receivers = [receiver.clone(), receiver.clone()].map(|receiver| recv(receiver, &ledger));
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
fn close_wakes_all_waiters_and_drops_no_item() {
    explore(8_000, closing);
}

/// The senders had begun to wait before the queue was closed.
#[test]
fn close_wakes_a_sender_in_the_schedule_that_once_failed() {
    again(9_409_172_840_246_399_682, closing);
}
