//! The queue, in every order of its steps. No model closes it before the end: a close wakes all waiters, and so hides a
//! lost wake-up.

use std::collections::VecDeque;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::thread;
use towpath_models_loom::{exhaustively, queue, with_preemptions};

/// Polls a future once, with a waker that does nothing.
fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn exhaustive_receiver_gets_the_item_sent_as_it_starts_to_wait() {
    exhaustively(|| {
        let (sender, mut receiver) = queue::bounded(1);
        let receiver = thread::spawn(move || block_on(receiver.recv()));
        block_on(sender.send(1)).unwrap();
        assert_eq!(receiver.join().unwrap(), Some(1));
    });
}

#[test]
fn up_to_2_preemptions_two_receivers_get_an_item_each() {
    with_preemptions(2, || {
        let (sender, mut one) = queue::bounded(3);
        let mut two = one.clone();
        // The receivers stay alive: the drop of a receiver would notify the other receiver.
        let one = thread::spawn(move || (block_on(one.recv()), one));
        let two = thread::spawn(move || (block_on(two.recv()), two));
        sender.try_send(1).unwrap();
        sender.try_send(2).unwrap();
        let (one, two) = (one.join().unwrap(), two.join().unwrap());
        let took = (one.0, two.0);
        assert!(matches!(took, (Some(1), Some(2)) | (Some(2), Some(1))), "{took:?}");
    });
}

#[test]
fn exhaustive_sender_gets_capacity_freed_as_it_starts_to_wait() {
    exhaustively(|| {
        let (sender, mut receiver) = queue::bounded(1);
        sender.try_send(1).unwrap();
        let sender = thread::spawn(move || block_on(sender.send(2)).map(|()| sender).unwrap());
        assert_eq!(receiver.try_recv(), Ok(1));
        drop(sender.join().unwrap());
        assert_eq!(receiver.try_recv(), Ok(2));
    });
}

#[test]
fn exhaustive_cancelled_receiver_leaves_the_item_to_the_other() {
    exhaustively(|| {
        let (sender, mut one) = queue::bounded(1);
        let mut two = one.clone();
        let mut cancelled = Box::pin(async move { one.recv().await });
        assert_eq!(poll(cancelled.as_mut()), Poll::Pending);
        let other = thread::spawn(move || block_on(two.recv()));
        sender.try_send(1).unwrap();
        drop(cancelled);
        assert_eq!(other.join().unwrap(), Some(1));
    });
}

#[test]
fn up_to_2_preemptions_cancelled_sender_gets_its_items_back() {
    with_preemptions(2, || {
        let (sender, mut receiver) = queue::bounded(1);
        let other = sender.clone();
        let mut items = VecDeque::from([1, 2]);
        let mut cancelled = Box::pin(sender.send_many(&mut items));
        assert_eq!(poll(cancelled.as_mut()), Poll::Pending);
        let other = thread::spawn(move || block_on(other.send(3)).unwrap());
        let receiver = thread::spawn(move || {
            let took = [block_on(receiver.recv()), block_on(receiver.recv())];
            (took.map(Option::unwrap).to_vec(), receiver)
        });
        drop(cancelled);
        other.join().unwrap();
        let (mut seen, mut receiver) = receiver.join().unwrap();
        seen.extend(receiver.try_recv());
        seen.extend(items);
        seen.sort_unstable();
        assert_eq!(seen, [1, 2, 3]);
    });
}

#[test]
fn exhaustive_waker_of_the_last_poll_is_woken() {
    exhaustively(|| {
        let (sender, mut receiver) = queue::bounded(1);
        let sender = sender.clone();
        let sender = thread::spawn(move || sender.try_send(1).unwrap());
        let mut take = pin!(receiver.recv());
        let took = match poll(take.as_mut()) {
            Poll::Pending => block_on(take),
            Poll::Ready(took) => took,
        };
        assert_eq!(took, Some(1));
        sender.join().unwrap();
    });
}
