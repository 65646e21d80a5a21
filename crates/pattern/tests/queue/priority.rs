//! The most urgent item first.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use towpath_pattern::queue::{self, Receiver, Sender, TrySendError};

use crate::by_hand::{hand, taken};

/// An item: the urgency, and a number.
type Item = (i32, u32);

fn by_urgency(capacity: usize) -> (Sender<Item>, Receiver<Item>) {
    queue::bounded_by_priority(capacity, |item: &Item| item.0)
}

#[test]
fn most_urgent_item_comes_first_and_equals_in_order() {
    let (sender, mut receiver) = by_urgency(10);
    for item in [(1, 0), (5, 1), (1, 2), (i32::MIN, 3), (5, 4)] {
        sender.try_send(item).expect("capacity");
    }
    assert_eq!(receiver.try_recv(), Ok((5, 1)));
    // A later item is more urgent than the items before.
    sender.try_send((9, 5)).expect("capacity");
    assert_eq!(taken(&mut receiver, 2), [(9, 5), (5, 4)]);
    assert_eq!(taken(&mut receiver, 9), [(1, 0), (1, 2), (i32::MIN, 3)]);
}

#[test]
fn equally_urgent_items_come_in_order() {
    let (sender, mut receiver) = by_urgency(100);
    for number in 0..100 {
        sender.try_send((i32::from(number % 3 == 0), number)).expect("capacity");
    }
    let numbers: Vec<_> = taken(&mut receiver, 100).into_iter().map(|item| item.1).collect();
    let (urgent, other): (Vec<_>, Vec<_>) = (0..100).partition(|number| number % 3 == 0);
    assert_eq!(numbers, [urgent, other].concat());
}

#[test]
fn batch_is_sent_in_parts_and_taken_by_urgency() {
    let (sender, mut receiver) = by_urgency(2);
    let mut batch = VecDeque::from([(1, 0), (3, 1), (2, 2), (9, 3)]);
    let mut send = hand(sender.send_many(&mut batch));
    assert!(send.poll().is_pending());
    assert_eq!(receiver.try_recv(), Ok((3, 1)), "the queue has the first two");
    assert_eq!(send.woken(), 1);
    assert!(send.poll().is_pending());
    assert_eq!(taken(&mut receiver, 9), [(2, 2), (1, 0)]);
    assert_eq!(send.poll(), Poll::Ready(Ok(())));
    drop(send);
    assert_eq!(taken(&mut receiver, 9), [(9, 3)]);
    assert!(batch.is_empty());
}

#[test]
fn cancelled_batch_keeps_its_unsent_items() {
    let (sender, mut receiver) = by_urgency(1);
    let mut batch = VecDeque::from([(1, 0), (3, 1), (2, 2)]);
    let mut send = hand(sender.send_many(&mut batch));
    assert!(send.poll().is_pending());
    drop(send);
    assert_eq!(batch, [(3, 1), (2, 2)]);
    // The queue calls the function of the urgency again for the rest of the batch.
    assert!(hand(sender.send_many(&mut batch)).poll().is_pending());
    assert_eq!(taken(&mut receiver, 9), [(1, 0)]);
    let mut send = hand(sender.send_many(&mut batch));
    assert!(send.poll().is_pending());
    assert_eq!(taken(&mut receiver, 9), [(3, 1)]);
    assert_eq!(send.poll(), Poll::Ready(Ok(())));
    drop(send);
    assert_eq!(taken(&mut receiver, 9), [(2, 2)]);
}

#[test]
fn single_sends_wait_for_capacity_in_turn() {
    let (sender, mut receiver) = by_urgency(1);
    sender.try_send((0, 0)).expect("capacity");
    assert_eq!(sender.try_send((9, 1)), Err(TrySendError::Full((9, 1))));
    let (mut first, mut second) = (hand(sender.send((1, 2))), hand(sender.send((9, 3))));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    assert_eq!(receiver.try_recv(), Ok((0, 0)));
    assert_eq!((first.woken(), second.woken()), (1, 0));
    assert_eq!(first.poll(), Poll::Ready(Ok(())));
    assert_eq!(receiver.try_recv(), Ok((1, 2)));
    assert_eq!(second.poll(), Poll::Ready(Ok(())));
    assert_eq!(receiver.try_recv(), Ok((9, 3)));
    sender.close();
    assert_eq!(sender.try_send((7, 4)), Err(TrySendError::Closed((7, 4))));
}

#[test]
fn queue_without_capacity_serves_a_waiting_receiver() {
    let (sender, mut receiver) = by_urgency(0);
    let mut send = hand(sender.send((1, 0)));
    assert!(send.poll().is_pending());
    let mut recv = hand(receiver.recv());
    assert!(recv.poll().is_pending());
    assert_eq!(send.poll(), Poll::Ready(Ok(())));
    assert_eq!(recv.poll(), Poll::Ready(Some((1, 0))));
}

/// With the earliest deadline as the urgency, a waiting item is taken before all items with a later deadline.
#[test]
fn deadlines_as_urgencies_starve_no_item() {
    let (sender, mut receiver) = queue::bounded_by_priority(10, |(deadline, _): &Item| -deadline);
    sender.try_send((50, 0)).expect("capacity");
    for now in 0.. {
        // Another item, urgent within 10, comes for every item that is taken.
        sender.try_send((now + 10, 1)).expect("capacity");
        if receiver.try_recv().expect("an item").1 == 0 {
            assert!(now <= 50);
            return;
        }
    }
}

#[test]
fn items_left_at_the_close_come_by_urgency() {
    let (sender, mut receiver) = by_urgency(5);
    for item in [(1, 0), (2, 1), (3, 2)] {
        sender.try_send(item).expect("capacity");
    }
    drop(sender);
    assert_eq!(taken(&mut receiver, 2), [(3, 2), (2, 1)]);
    assert_eq!(hand(receiver.recv()).poll(), Poll::Ready(Some((1, 0))));
    assert_eq!(hand(receiver.recv()).poll(), Poll::Ready(None));
}

/// The function of the urgency uses the queue. Under the lock of the queue, the function would deadlock.
#[test]
fn urgency_is_asked_for_once_and_without_the_lock() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let own: Arc<OnceLock<Sender<Item>>> = Arc::default();
    let queue = Arc::clone(&own);
    let (sender, mut receiver) = queue::bounded_by_priority(2, move |item: &Item| {
        CALLS.fetch_add(1, Ordering::Relaxed);
        item.0 + i32::try_from(queue.get().map_or(0, Sender::len)).expect("few items")
    });
    assert!(own.set(sender.clone()).is_ok());
    sender.try_send((1, 0)).expect("capacity");
    let mut batch = VecDeque::from([(2, 1), (3, 2), (4, 3)]);
    let mut send = hand(sender.send_many(&mut batch));
    while send.poll().is_pending() {
        assert!(!taken(&mut receiver, 1).is_empty());
    }
    assert_eq!(CALLS.load(Ordering::Relaxed), 4);
}

#[test]
fn panic_of_the_urgency_loses_no_sent_item() {
    let (sender, mut receiver) = queue::bounded_by_priority(5, |item: &Item| {
        assert!(item.1 != 9, "on purpose");
        item.0
    });
    sender.try_send((1, 0)).expect("capacity");
    assert!(catch_unwind(AssertUnwindSafe(|| sender.try_send((9, 9)))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| hand(sender.send((9, 9))).poll())).is_err());
    let mut batch = VecDeque::from([(2, 1), (3, 9), (4, 2)]);
    assert!(catch_unwind(AssertUnwindSafe(|| hand(sender.send_many(&mut batch)).poll())).is_err());
    assert_eq!(batch, [(2, 1), (3, 9), (4, 2)], "nothing was sent");
    sender.try_send((2, 3)).expect("the queue is in order");
    assert_eq!(taken(&mut receiver, 9), [(2, 3), (1, 0)]);
}
