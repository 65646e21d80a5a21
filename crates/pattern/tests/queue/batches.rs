//! Batches that wait for capacity, their deposits, and batches that are cancelled.

use std::collections::VecDeque;
use std::task::Poll;

use towpath_pattern::queue::{self, SendError, TryRecvError, TrySendError};

use crate::by_hand::{filled, hand, taken};

#[test]
fn deposit_is_received_in_order_before_its_sender_is_polled() {
    let (sender, mut receiver) = queue::bounded(2);
    let (mut items, mut others) = (VecDeque::from([1, 2, 3, 4]), VecDeque::from([5, 6]));
    let (mut first, mut second) = (hand(sender.send_many(&mut items)), hand(sender.send_many(&mut others)));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    assert_eq!(receiver.len(), 2, "a deposit is not in the queue");
    assert_eq!((taken(&mut receiver, 9), taken(&mut receiver, 9)), (vec![1, 2], vec![3, 4]));
    assert_eq!((first.woken(), second.woken()), (1, 1));
    assert_eq!(receiver.try_recv(), Ok(5));
    assert_eq!((first.poll(), second.poll()), (Poll::Ready(Ok(())), Poll::Ready(Ok(()))));
    drop((first, second));
    assert!(items.is_empty() && others.is_empty());
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(6), Err(TryRecvError::Empty)));
}

#[test]
fn cancelled_batch_comes_back_and_leaves_other_deposits() {
    let (sender, mut receiver) = queue::bounded(3);
    let (mut items, mut others) = ((1..=8).collect::<VecDeque<_>>(), VecDeque::from([11, 12]));
    let mut between = VecDeque::from([9, 10]);
    let (mut first, mut second) = (hand(sender.send_many(&mut items)), hand(sender.send_many(&mut others)));
    let mut cancelled = hand(sender.send_many(&mut between));
    assert!(first.poll().is_pending() && cancelled.poll().is_pending() && second.poll().is_pending());
    drop(cancelled);
    assert_eq!(between, [9, 10]);
    assert_eq!(receiver.try_recv(), Ok(1));
    assert!(first.poll().is_pending(), "only one more item was admitted");
    drop(first);
    assert_eq!(items, [5, 6, 7, 8]);
    assert_eq!((taken(&mut receiver, 3), second.woken()), (vec![2, 3, 4], 1));
    assert_eq!(taken(&mut receiver, 3), [11, 12]);
    assert_eq!(second.poll(), Poll::Ready(Ok(())));
}

#[test]
fn waiting_batch_comes_back_when_the_queue_closes() {
    for dropped in [false, true] {
        let (sender, mut receiver) = queue::bounded(2);
        let mut items: VecDeque<_> = (1..=6).collect();
        let mut send = hand(sender.send_many(&mut items));
        assert!(send.poll().is_pending());
        if dropped {
            drop(receiver);
        } else {
            receiver.close();
            assert_eq!(taken(&mut receiver, 9), [1, 2]);
            assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
        }
        assert_eq!((send.woken(), send.poll()), (1, Poll::Ready(Err(SendError(())))));
        drop(send);
        assert_eq!(items, [3, 4, 5, 6]);
    }
}

#[test]
fn batch_admitted_before_the_close_is_sent() {
    let (sender, mut receiver) = queue::bounded(2);
    let mut items: VecDeque<_> = (1..=4).collect();
    let mut send = hand(sender.send_many(&mut items));
    assert!(send.poll().is_pending());
    assert_eq!((taken(&mut receiver, 2), receiver.try_recv()), (vec![1, 2], Ok(3)));
    receiver.close();
    assert_eq!(send.poll(), Poll::Ready(Ok(())));
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(4), Err(TryRecvError::Closed)));
}

#[test]
fn single_item_waits_for_its_sender_and_keeps_its_turn() {
    let (sender, mut receiver) = filled(&[1, 2], 2);
    let mut items = VecDeque::from([5, 6]);
    let (mut cancelled, mut single) = (hand(sender.send(3)), hand(sender.send(4)));
    let mut batch = hand(sender.send_many(&mut items));
    assert!(cancelled.poll().is_pending() && single.poll().is_pending() && batch.poll().is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    drop(cancelled);
    assert_eq!((single.woken(), single.poll()), (1, Poll::Ready(Ok(()))));
    assert_eq!((taken(&mut receiver, 2), taken(&mut receiver, 2)), (vec![2, 4], vec![5, 6]));
    assert_eq!(batch.poll(), Poll::Ready(Ok(())));
}

#[test]
fn deposit_is_admitted_past_a_sender_that_is_never_polled() {
    let (sender, mut receiver) = filled(&[1], 1);
    let mut items = VecDeque::from([3, 4]);
    let (mut idle, mut batch) = (hand(sender.send(2)), hand(sender.send_many(&mut items)));
    assert!(idle.poll().is_pending() && batch.poll().is_pending());
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(1), Ok(3)));
    assert_eq!((idle.woken(), batch.woken(), batch.poll()), (1, 1, Poll::Ready(Ok(()))));
    assert_eq!((receiver.try_recv(), idle.poll()), (Ok(4), Poll::Ready(Ok(()))));
}

#[test]
fn later_send_waits_behind_a_deposit_and_try_send_does_not() {
    let (sender, mut receiver) = filled(&[1, 2], 2);
    let mut items = VecDeque::from([3, 4]);
    let (mut batch, mut later) = (hand(sender.send_many(&mut items)), hand(sender.send(5)));
    assert!(batch.poll().is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!((sender.try_send(9), sender.try_send(9)), (Ok(()), Err(TrySendError::Full(9))));
    assert_eq!(receiver.try_recv(), Ok(2));
    assert!(later.poll().is_pending(), "the capacity was for the batch");
    assert_eq!((taken(&mut receiver, 2), taken(&mut receiver, 2)), (vec![9, 3], vec![4]));
    assert_eq!((batch.poll(), later.poll()), (Poll::Ready(Ok(())), Poll::Ready(Ok(()))));
    assert_eq!(receiver.try_recv(), Ok(5));
}

#[test]
fn sender_goes_on_past_a_batch_that_is_never_polled() {
    let (sender, mut receiver) = filled(&[1, 2], 2);
    let mut items = VecDeque::from([3]);
    let mut idle = hand(sender.send_many(&mut items));
    assert!(idle.poll().is_pending());
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(1), Ok(2)));
    assert_eq!((idle.woken(), hand(sender.send(4)).poll()), (1, Poll::Ready(Ok(()))));
    assert_eq!(taken(&mut receiver, 9), [3, 4]);
}

#[test]
fn queue_without_capacity_admits_a_deposit_for_a_receiver() {
    let (sender, mut receiver) = queue::bounded(0);
    let mut items = VecDeque::from([1, 2]);
    let mut send = hand(sender.send_many(&mut items));
    assert!(send.poll().is_pending());
    assert_eq!((sender.len(), taken(&mut receiver, 2)), (0, vec![1]));
    assert!(send.poll().is_pending());
    assert_eq!((sender.len(), receiver.try_recv(), send.poll()), (0, Ok(2), Poll::Ready(Ok(()))));
}

#[test]
fn lifo_queue_lets_a_batch_wait() {
    let (sender, mut receiver) = queue::bounded_lifo(2);
    let sender = sender.from_input(0);
    let mut items = VecDeque::from([1, 2, 3]);
    let mut send = hand(sender.send_many(&mut items));
    assert!(send.poll().is_pending());
    assert_eq!((receiver.try_recv(), send.woken()), (Ok(2), 1));
    assert_eq!((send.poll(), taken(&mut receiver, 3)), (Poll::Ready(Ok(())), vec![3, 1]));
}

#[test]
fn receiver_notified_in_vain_is_notified_again() {
    let (sender, mut one) = queue::bounded(2);
    let mut two = one.clone();
    let mut recv = hand(one.recv());
    for times in 1..3 {
        assert!(recv.poll().is_pending());
        sender.try_send(times).unwrap();
        assert_eq!((recv.woken(), two.try_recv()), (times, Ok(times)));
    }
}

#[test]
fn admitted_items_are_not_wanted_any_more() {
    let (sender, mut receiver) = filled(&[1, 2, 3], 3);
    let (mut items, mut others) = (VecDeque::from([4, 5, 6]), VecDeque::from([7]));
    let (mut first, mut second) = (hand(sender.send_many(&mut items)), hand(sender.send_many(&mut others)));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    assert_eq!((receiver.try_recv(), first.woken()), (Ok(1), 1));
    assert!(second.poll().is_pending(), "its poll admits the first item of the first batch");
    assert_eq!((taken(&mut receiver, 3), second.woken()), (vec![2, 3, 4], 1));
}

#[test]
fn sender_that_admits_its_deposit_notifies_a_receiver() {
    let (sender, mut receiver) = queue::bounded(1);
    let (mut one, mut two) = (receiver.clone(), receiver.clone());
    let (mut first, mut second) = (hand(one.recv()), hand(two.recv()));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    sender.try_send(1).unwrap();
    let mut items = VecDeque::from([2]);
    let mut send = hand(sender.send_many(&mut items));
    assert!(send.poll().is_pending());
    assert_eq!((first.woken(), receiver.try_recv()), (1, Ok(1)));
    drop(first);
    assert_eq!((send.woken(), send.poll()), (1, Poll::Ready(Ok(()))));
    assert_eq!((second.woken(), second.poll()), (1, Poll::Ready(Some(2))));
}

#[test]
fn batch_that_swaps_buffers_stays_in_order() {
    let (sender, mut receiver) = queue::bounded(8);
    let (mut items, mut into, mut expected) = (VecDeque::new(), Vec::with_capacity(8), 0..);
    for round in 0..100 {
        for _ in 0..=round % 5 {
            sender.try_send(expected.start + sender.len()).unwrap();
        }
        items.extend((expected.start + sender.len()..).take(3));
        assert!(hand(sender.send_many(&mut items)).poll().is_ready());
        if round % 3 == 0 {
            assert_eq!(receiver.try_recv().ok(), expected.next());
        }
        for most in [round % 8 + 1, 8] {
            into.clear();
            let there = receiver.len().min(most);
            if there > 0 {
                assert_eq!(hand(receiver.recv_many(most, &mut into)).poll(), Poll::Ready(there));
            }
            assert_eq!(into.len(), there);
            assert!(into.iter().copied().eq(expected.by_ref().take(into.len())));
        }
    }
}
