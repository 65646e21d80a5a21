//! Who is called when there is something to take or room, and who is not passed over.

use std::collections::VecDeque;
use std::task::Poll;

use towpath_pattern::queue;

use crate::by_hand::{filled, hand};

#[test]
fn a_sender_that_gives_up_after_it_was_called_passes_the_call_on() {
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
fn a_receiver_that_gives_up_after_it_was_called_passes_the_call_on() {
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
fn whoever_comes_calls_the_next_while_there_is_more() {
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
fn one_that_was_called_and_never_comes_does_not_stop_a_full_queue() {
    let (sender, mut one) = queue::bounded(2);
    let mut two = one.clone();
    let (mut idle, mut second) = (hand(one.recv()), hand(two.recv()));
    assert!(idle.poll().is_pending() && second.poll().is_pending());
    sender.try_send(1).unwrap();
    sender.try_send(2).unwrap();
    assert_eq!((idle.woken(), second.woken()), (1, 1));
    assert_eq!(second.poll(), Poll::Ready(Some(1)));
}

#[test]
fn the_waker_of_the_last_poll_is_the_one_that_is_woken() {
    let (sender, mut receiver) = queue::bounded(1);
    let mut take = hand(receiver.recv());
    assert!(take.poll().is_pending());
    let before = std::mem::take(&mut take.woken);
    assert!(take.poll().is_pending());
    sender.try_send(1).unwrap();
    assert_eq!((before.times(), take.woken()), (0, 1));

    let mut put = hand(sender.send(2));
    assert!(put.poll().is_pending());
    let before = std::mem::take(&mut put.woken);
    assert!(put.poll().is_pending());
    assert_eq!(take.poll(), Poll::Ready(Some(1)));
    assert_eq!((before.times(), put.woken()), (0, 1));
}

#[test]
fn one_who_asks_again_while_it_waits_is_called_for_what_it_wants() {
    let (sender, mut receiver) = filled(&[1], 1);
    let (mut first, mut second) = (hand(sender.send(2)), hand(sender.send(3)));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    assert!(first.poll().is_pending(), "once more");
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!((first.woken(), second.woken()), (1, 0), "there is room for one");
}

#[test]
fn one_who_was_called_and_passed_over_is_still_on_the_way() {
    let (sender, mut receiver) = filled(&[1], 1);
    let mut items = VecDeque::from([3]);
    let mut first = hand(sender.send(2));
    assert!(first.poll().is_pending());
    let mut batch = hand(sender.send_many(&mut items));
    let mut last = hand(sender.send(4));
    assert!(batch.poll().is_pending() && last.poll().is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!((first.woken(), last.woken()), (1, 0));
    assert_eq!(receiver.try_recv(), Ok(3), "what the batch has lent");
    assert_eq!((first.woken(), batch.woken(), last.woken()), (1, 1, 0), "there is room for one");
}
