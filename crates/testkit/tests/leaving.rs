//! F10: leaving a wait list costs the same in every order. The fault: the queue shifted all waiters behind the leaving
//! waiter, and counted the deposits of all waiters in front of the leaving waiter. 80,000 cancelled senders took 1.5 s
//! under the lock.
//!
//! The test compares the orders within this process, by the quickest round of each order, so a loaded machine slows all
//! orders.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use towpath_pattern::queue::{self, Receiver, Sender};
use towpath_semaphore::Semaphore;

const WAITERS: usize = 20_000;

/// The most that an order may cost, as a multiple of leaving in order. The fault cost a few hundred times as much.
const MOST: u32 = 20;

/// Returns the numbers from 0 to `WAITERS` in an order that does not depend on the order of the wait list.
fn shuffled() -> Vec<usize> {
    (0..WAITERS).map(|at| at * 7_919 % WAITERS).collect()
}

/// Lets futures wait in order, and returns the time that their drops take in the given order.
fn leave<F: Future>(futures: impl Iterator<Item = F>, order: &[usize]) -> Duration {
    let mut waiting: Vec<Option<Pin<Box<F>>>> = futures.map(|future| Some(Box::pin(future))).collect();
    let mut context = Context::from_waker(Waker::noop());
    for future in waiting.iter_mut().flatten() {
        assert!(future.as_mut().poll(&mut context).is_pending(), "a future that waits");
    }
    let start = Instant::now();
    for &at in order {
        waiting[at] = None;
    }
    start.elapsed()
}

/// Compares reverse and shuffled leaving with leaving in order.
fn is_quick_in_any_order(what: &str, mut leave: impl FnMut(&[usize]) -> Duration) {
    let orders = [(0..WAITERS).collect(), (0..WAITERS).rev().collect(), shuffled()];
    let [in_order, reversed, shuffled] =
        orders.map(|order: Vec<usize>| (0..2).map(|_| leave(&order)).min().unwrap_or_default());
    for (order, took) in [("reverse", reversed), ("shuffled", shuffled)] {
        assert!(took < MOST * in_order, "{what} in {order} order: {took:?}; in order: {in_order:?}");
    }
}

fn full() -> (Sender<u32>, Receiver<u32>) {
    let (sender, receiver) = queue::bounded(1);
    sender.try_send(0).expect("there is capacity for one");
    (sender, receiver)
}

#[test]
fn senders_of_an_item_leave_quickly_in_any_order() {
    let (sender, _receiver) = full();
    is_quick_in_any_order("senders", |order| leave((0..WAITERS).map(|_| sender.send(1)), order));
}

#[test]
fn senders_of_batches_leave_quickly_in_any_order() {
    let (sender, _receiver) = full();
    is_quick_in_any_order("senders of batches", |order| {
        let mut batches: Vec<_> = (0..WAITERS).map(|_| VecDeque::from([1, 2])).collect();
        let took = leave(batches.iter_mut().map(|batch| sender.send_many(batch)), order);
        assert!(batches.iter().all(|batch| *batch == [1, 2]), "a batch came back whole");
        took
    });
}

#[test]
fn receivers_leave_quickly_in_any_order() {
    let (_sender, receiver) = queue::bounded::<u32>(1);
    let mut receivers = vec![receiver; WAITERS];
    is_quick_in_any_order("receivers", |order| leave(receivers.iter_mut().map(Receiver::recv), order));
}

#[test]
fn joiners_leave_quickly_in_any_order() {
    let (sender, _receiver) = full();
    is_quick_in_any_order("joiners", |order| leave((0..WAITERS).map(|_| sender.join()), order));
}

#[test]
fn waiters_for_permits_leave_quickly_in_any_order() {
    let semaphore = Semaphore::new(0);
    is_quick_in_any_order("permits", |order| leave((0..WAITERS).map(|_| semaphore.acquire()), order));
}
