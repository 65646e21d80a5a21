//! A cancelled or served waiter leaves no waker and no entry in the queue, and takes nothing from the other waiters.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

use towpath_pattern::queue::{self, SendError, TryRecvError, TrySendError};

use crate::by_hand::{Hand, filled, hand};

/// Polls a future once, asserts that it is pending, and drops it. The queue must not keep its waker.
fn cancel<F: Future>(mut waiting: Hand<F>) {
    assert!(waiting.poll().is_pending());
    let woken = Arc::clone(&waiting.woken);
    drop(waiting);
    assert_eq!(Arc::strong_count(&woken), 1, "the queue kept the waker of a cancelled future");
}

#[test]
fn cancelled_or_served_waiter_leaves_nothing_behind() {
    for _ in 0..1_000 {
        let (sender, mut receiver) = queue::bounded(1);
        cancel(hand(receiver.recv()));
        sender.try_send(1).unwrap();
        let mut items = VecDeque::from([2, 3]);
        cancel(hand(sender.send(4)));
        cancel(hand(sender.send_many(&mut items)));
        cancel(hand(sender.join()));

        let mut served = hand(sender.send(5));
        assert!(served.poll().is_pending());
        assert_eq!(
            (receiver.try_recv(), served.woken()),
            (Ok(1), 1),
            "a cancelled sender was notified in its place"
        );
        assert_eq!((served.poll(), Arc::strong_count(&served.woken)), (Poll::Ready(Ok(())), 1));
    }

    // In a queue without capacity, every waiting receiver is capacity for an item, so a remaining waiter shows at once.
    let (sender, mut receiver) = queue::bounded(0);
    cancel(hand(receiver.recv()));
    assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)), "no receiver waits for the item");
}

#[test]
fn item_outlives_the_cancelled_receiver_it_notified() {
    const ITEMS: usize = 100;
    let (sender, mut receiver) = queue::bounded(ITEMS);
    let (mut taken, mut returned) = (0, 0);
    for item in 0..ITEMS {
        let mut other = receiver.clone();
        let mut recv = hand(other.recv());
        assert!(recv.poll().is_pending());
        returned += usize::from(sender.try_send(item).is_err());
        assert_eq!(recv.woken(), 1);
        drop(recv);
        if item % 2 == 0 {
            taken += usize::from(receiver.try_recv().is_ok());
        } else {
            assert_eq!(receiver.len(), 1, "of {item} and of none before");
            taken += usize::from(hand(receiver.recv()).poll().is_ready());
        }
    }
    assert_eq!((taken, receiver.len(), returned), (ITEMS, 0, 0), "taken, queued and returned of {ITEMS}");
}

/// Panics in its drop if `loud` is set.
struct Item {
    loud: bool,
}

impl Drop for Item {
    fn drop(&mut self) {
        assert!(!self.loud, "an item dropped loudly");
    }
}

#[test]
fn item_whose_drop_panics_costs_no_waiter_its_wake_up() {
    let (sender, receiver) = queue::bounded(1);
    sender.try_send(Item { loud: true }).unwrap();
    let mut items = VecDeque::from([Item { loud: false }]);
    let (mut send, mut join) = (hand(sender.send_many(&mut items)), hand(sender.join()));
    assert!(send.poll().is_pending() && join.poll().is_pending());

    let dropped = catch_unwind(AssertUnwindSafe(|| drop(receiver)));
    let message = *dropped.expect_err("the panic comes out").downcast::<&str>().unwrap();
    assert_eq!(message, "an item dropped loudly");
    assert_eq!((send.woken(), join.woken()), (1, 1), "the waiters were not woken");
    assert_eq!(
        (send.poll(), join.poll()),
        (Poll::Ready(Err(SendError(()))), Poll::Ready(Err(SendError(()))))
    );
    drop((send, join));
    assert_eq!((items.len(), sender.len(), sender.is_closed()), (1, 0, true));
}

#[test]
fn dropped_receiver_has_finished_its_items() {
    let (sender, mut receiver) = filled(&[1, 2], 2);
    let mut other = receiver.clone();
    assert_eq!(other.try_recv(), Ok(1));
    drop(other);
    let mut join = hand(sender.join());
    assert!(join.poll().is_pending());
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(2), Err(TryRecvError::Empty)));
    assert_eq!((join.woken(), join.poll()), (1, Poll::Ready(Ok(()))));
}
