//! Order, bounds, closing and joining.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Poll;

use towpath_pattern::queue::{self, SendError, TryRecvError, TrySendError};

use crate::by_hand::{filled, hand, taken};

#[test]
fn bounded_queue_yields_the_oldest_first() {
    let (sender, mut receiver) = filled(&[1, 2, 3, 4, 5], 10);
    assert_eq!(receiver.try_recv(), Ok(1));
    sender.try_send(6).unwrap();
    let mut items = Vec::new();
    assert_eq!(hand(receiver.recv_many(3, &mut items)).poll(), Poll::Ready(3));
    assert_eq!(hand(receiver.recv_many(9, &mut items)).poll(), Poll::Ready(2));
    assert_eq!(items, [2, 3, 4, 5, 6]);
}

#[test]
fn lifo_queue_yields_the_newest_first() {
    let (sender, mut receiver) = queue::bounded_lifo(10);
    for item in 1..=5 {
        sender.try_send(item).unwrap();
    }
    assert_eq!(receiver.try_recv(), Ok(5));
    sender.try_send(6).unwrap();
    let mut items = Vec::new();
    assert_eq!(hand(receiver.recv_many(3, &mut items)).poll(), Poll::Ready(3));
    assert_eq!(items, [6, 4, 3]);
}

#[test]
fn full_queue_refuses_try_send_and_lets_send_wait() {
    let (sender, mut receiver) = filled(&[1, 2], 2);
    assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
    let mut send = hand(sender.send(3));
    assert!(send.poll().is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(send.woken(), 1);
    assert_eq!(send.poll(), Poll::Ready(Ok(())));
    assert_eq!((sender.len(), sender.capacity()), (2, 2));
}

#[test]
fn capacity_freed_one_by_one_is_reused() {
    let (sender, mut receiver) = filled(&(0..10).collect::<Vec<_>>(), 10);
    for item in 0..1_000 {
        assert_eq!(receiver.try_recv(), Ok(item));
        sender.try_send(item + 10).expect("the item that was received freed capacity");
        assert_eq!(sender.try_send(0), Err(TrySendError::Full(0)));
    }
}

#[test]
fn queue_without_capacity_takes_an_item_for_a_receiver() {
    let (sender, mut receiver) = queue::bounded(0);
    assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
    let mut send = hand(sender.send(1));
    assert!(send.poll().is_pending());
    let mut other = receiver.clone();
    {
        let mut recv = hand(receiver.recv());
        assert!(recv.poll().is_pending());
        assert_eq!(send.woken(), 1);
        assert_eq!(send.poll(), Poll::Ready(Ok(())));
        assert_eq!(
            sender.try_send(2),
            Err(TrySendError::Full(2)),
            "the one receiver that waits has its item"
        );
        assert_eq!(recv.woken(), 1);
    }
    // The receiver was cancelled before it took the item, so the item is still in the queue.
    assert_eq!(hand(other.recv()).poll(), Poll::Ready(Some(1)));
}

#[test]
fn batch_enters_up_to_the_capacity_and_the_rest_stays() {
    let (sender, mut receiver) = queue::bounded(3);
    let mut items = VecDeque::from([1, 2, 3, 4, 5]);
    {
        let mut send = hand(sender.send_many(&mut items));
        assert!(send.poll().is_pending());
        assert_eq!(receiver.try_recv(), Ok(1));
        assert!(send.poll().is_pending());
    }
    assert_eq!(items, [5]);
    let mut taken = Vec::new();
    assert_eq!(hand(receiver.recv_many(10, &mut taken)).poll(), Poll::Ready(3));
    assert_eq!(taken, [2, 3, 4]);
}

#[test]
fn close_wakes_all_waiters_and_leaves_the_items() {
    let (sender, receiver) = filled(&[1], 1);
    let (mut send, mut other) = (hand(sender.send(2)), hand(sender.send(3)));
    assert!(send.poll().is_pending() && other.poll().is_pending());
    receiver.close();
    assert_eq!((send.woken(), other.woken()), (1, 1));
    assert_eq!((send.poll(), other.poll()), (Poll::Ready(Err(SendError(2))), Poll::Ready(Err(SendError(3)))));
    assert_eq!(sender.try_send(4), Err(TrySendError::Closed(4)));

    let (mut one, mut two) = (receiver.clone(), receiver);
    assert_eq!(one.try_recv(), Ok(1));
    assert_eq!(one.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(hand(two.recv()).poll(), Poll::Ready(None));

    let (sender, mut one) = queue::bounded::<u8>(1);
    let mut two = one.clone();
    let (mut first, mut second) = (hand(one.recv()), hand(two.recv()));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    drop(sender);
    assert_eq!((first.woken(), second.woken()), (1, 1));
    assert_eq!((first.poll(), second.poll()), (Poll::Ready(None), Poll::Ready(None)));
}

#[test]
fn send_without_receivers_returns_the_items() {
    let (sender, receiver) = filled(&[1], 1);
    let mut send = hand(sender.send(2));
    assert!(send.poll().is_pending());
    drop(receiver);
    assert_eq!((send.woken(), send.poll()), (1, Poll::Ready(Err(SendError(2)))));
    let mut items = VecDeque::from([3, 4]);
    assert_eq!(hand(sender.send_many(&mut items)).poll(), Poll::Ready(Err(SendError(()))));
    assert_eq!(items, [3, 4]);
}

#[test]
fn items_without_a_receiver_are_dropped() {
    let (sender, receiver) = queue::bounded(2);
    let item = Arc::new(());
    sender.try_send(Arc::clone(&item)).unwrap();
    drop(receiver);
    assert_eq!(Arc::strong_count(&item), 1);
    assert!(sender.is_empty());
}

#[test]
fn receivers_may_ask_for_any_number_of_items() {
    let (sender, mut one) = queue::bounded(usize::MAX);
    let mut two = one.clone();
    let (mut few, mut many) = (Vec::new(), Vec::new());
    let mut first = hand(one.recv_many(usize::MAX, &mut few));
    let mut second = hand(two.recv_many(usize::MAX, &mut many));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    sender.try_send(1).unwrap();
    assert_eq!(first.poll(), Poll::Ready(1));
    sender.close();
    assert_eq!(second.poll(), Poll::Ready(0));

    let (sender, mut receiver) = queue::bounded(0);
    let mut waiting = receiver.clone();
    let mut recv = hand(waiting.recv());
    assert!(recv.poll().is_pending());
    let mut items = VecDeque::from([1, 2]);
    let mut send = hand(sender.send_many(&mut items));
    assert!(send.poll().is_pending());
    assert_eq!((taken(&mut receiver, usize::MAX), taken(&mut receiver, usize::MAX)), (vec![1], vec![2]));
}

#[test]
fn join_waits_until_every_item_is_finished() {
    let (sender, mut one) = filled(&[1, 2], 2);
    let mut two = one.clone();
    let mut join = hand(sender.join());
    assert!(join.poll().is_pending());
    assert_eq!((one.try_recv(), two.try_recv()), (Ok(1), Ok(2)));
    assert!(join.poll().is_pending(), "neither is finished");
    assert_eq!(one.try_recv(), Err(TryRecvError::Empty));
    assert!(join.poll().is_pending(), "the second is not finished");
    drop(two);
    assert_eq!((join.woken(), join.poll()), (1, Poll::Ready(Ok(()))));
    assert_eq!(hand(sender.join()).poll(), Poll::Ready(Ok(())), "no item was sent since");
}

#[test]
fn join_ends_when_no_receiver_is_left() {
    let (sender, receiver) = filled(&[1], 1);
    let mut join = hand(sender.join());
    assert!(join.poll().is_pending());
    drop(receiver);
    assert_eq!((join.woken(), join.poll()), (1, Poll::Ready(Err(SendError(())))));
}

#[test]
fn recv_many_takes_no_more_than_its_maximum() {
    let (_sender, mut receiver) = filled(&[1, 2, 3, 4, 5], 10);
    let mut items = Vec::with_capacity(8);
    assert_eq!(hand(receiver.recv_many(2, &mut items)).poll(), Poll::Ready(2));
    assert_eq!((items, receiver.len()), (vec![1, 2], 3));
}

#[test]
fn both_sides_report_length_and_capacity() {
    let (sender, receiver) = filled(&[1, 2], 5);
    assert_eq!((sender.len(), sender.is_empty(), sender.capacity()), (2, false, 5));
    assert_eq!((receiver.len(), receiver.is_empty(), receiver.capacity()), (2, false, 5));
    let (sender, receiver) = queue::bounded::<u8>(1);
    assert!(sender.is_empty() && receiver.is_empty());
}
