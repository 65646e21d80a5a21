//! The choice of the waiter that is notified of items and of capacity. No waiter is passed over.

use std::collections::VecDeque;
use std::task::Poll;

use tokio_stream::StreamExt;
use towpath_pattern::queue;

use crate::by_hand::{filled, hand};

#[test]
fn sender_cancelled_after_its_notification_notifies_the_next() {
    let (sender, mut receiver) = filled(&[1], 1);
    let (mut first, mut second) = (hand(sender.send(2)), hand(sender.send(3)));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!((first.woken(), second.woken()), (1, 0));
    drop(first);
    assert_eq!(second.woken(), 1);
    assert_eq!(second.poll(), Poll::Ready(Ok(())));
}

#[test]
fn receiver_cancelled_after_its_notification_notifies_the_next() {
    let (sender, mut one) = queue::bounded(10);
    let mut two = one.clone();
    let (mut first, mut second) = (hand(one.recv()), hand(two.recv()));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    sender.try_send(1).unwrap();
    assert_eq!((first.woken(), second.woken()), (1, 0));
    drop(first);
    assert_eq!(second.woken(), 1);
    assert_eq!(second.poll(), Poll::Ready(Some(1)));
}

#[test]
fn receiver_that_leaves_items_notifies_the_next() {
    let (sender, mut one) = queue::bounded(10);
    let mut two = one.clone();
    let (mut first, mut second) = (hand(one.recv()), hand(two.recv()));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    let mut items = VecDeque::from([1, 2]);
    assert_eq!(hand(sender.send_many(&mut items)).poll(), Poll::Ready(Ok(())));
    assert_eq!(first.poll(), Poll::Ready(Some(1)));
    assert_eq!(second.woken(), 1);
    assert_eq!(second.poll(), Poll::Ready(Some(2)));
}

#[test]
fn full_queue_notifies_past_a_receiver_that_is_never_polled() {
    let (sender, mut one) = queue::bounded(2);
    let mut two = one.clone();
    let (mut idle, mut second) = (hand(one.recv()), hand(two.recv()));
    assert!(idle.poll().is_pending() && second.poll().is_pending());
    sender.try_send(1).unwrap();
    sender.try_send(2).unwrap();
    assert_eq!((idle.woken(), second.woken()), (1, 1));
    assert_eq!(second.poll(), Poll::Ready(Some(1)));
}

/// A receiver that was pending as a stream leaves the wait list with its next item, whatever method takes the item.
#[test]
fn receiver_pending_as_a_stream_is_notified_once() {
    type Take = fn(&mut queue::Receiver<u32>) -> Option<u32>;
    let takes: [Take; 3] = [
        |receiver| receiver.try_recv().ok(),
        |receiver| match hand(receiver.recv()).poll() {
            Poll::Ready(item) => item,
            Poll::Pending => None,
        },
        |receiver| match hand(receiver.next()).poll() {
            Poll::Ready(item) => item,
            Poll::Pending => None,
        },
    ];
    for take in takes {
        let (sender, mut one) = queue::bounded(10);
        let mut two = one.clone();
        assert!(hand(one.next()).poll().is_pending());
        let mut second = hand(two.recv());
        assert!(second.poll().is_pending());
        sender.try_send(1).unwrap();
        assert_eq!((take(&mut one), second.woken()), (Some(1), 0));
        sender.try_send(2).unwrap();
        assert_eq!(second.woken(), 1);
    }
}

#[test]
fn waker_of_the_last_poll_is_woken() {
    let (sender, mut receiver) = queue::bounded(1);
    let mut recv = hand(receiver.recv());
    assert!(recv.poll().is_pending());
    let before = std::mem::take(&mut recv.woken);
    assert!(recv.poll().is_pending());
    sender.try_send(1).unwrap();
    assert_eq!((before.times(), recv.woken()), (0, 1));

    let mut send = hand(sender.send(2));
    assert!(send.poll().is_pending());
    let before = std::mem::take(&mut send.woken);
    assert!(send.poll().is_pending());
    assert_eq!(recv.poll(), Poll::Ready(Some(1)));
    assert_eq!((before.times(), send.woken()), (0, 1));
}

#[test]
fn sender_polled_twice_counts_once() {
    let (sender, mut receiver) = filled(&[1], 1);
    let (mut first, mut second) = (hand(sender.send(2)), hand(sender.send(3)));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    assert!(first.poll().is_pending(), "once more");
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!((first.woken(), second.woken()), (1, 0), "there is capacity for one");
}

#[test]
fn notified_sender_that_is_overtaken_stays_notified() {
    let (sender, mut receiver) = filled(&[1], 1);
    let mut items = VecDeque::from([3]);
    let mut first = hand(sender.send(2));
    assert!(first.poll().is_pending());
    let mut batch = hand(sender.send_many(&mut items));
    let mut last = hand(sender.send(4));
    assert!(batch.poll().is_pending() && last.poll().is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!((first.woken(), last.woken()), (1, 0));
    assert_eq!(receiver.try_recv(), Ok(3), "the deposit of the batch");
    assert_eq!((first.woken(), batch.woken(), last.woken()), (1, 1, 0), "there is capacity for one");
}
