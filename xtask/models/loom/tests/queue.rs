//! The queue, in every order of its steps. Nobody closes it before the end: a close wakes everybody, and so hides
//! a wake-up that was lost.

use std::collections::VecDeque;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::thread;
use towpath_models_loom::{exhaustively, queue, with_preemptions};

/// Polls a future once, for nobody.
fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn exhaustive_a_taker_gets_what_comes_while_it_begins_to_wait() {
    exhaustively(|| {
        let (producer, mut consumer) = queue::fifo(1);
        let taker = thread::spawn(move || block_on(consumer.take()));
        block_on(producer.put(1)).unwrap();
        assert_eq!(taker.join().unwrap(), Some(1));
    });
}

#[test]
fn up_to_2_preemptions_two_takers_get_an_item_each() {
    with_preemptions(2, || {
        let (producer, mut one) = queue::fifo(3);
        let mut two = one.clone();
        // They live on: dropped, one would call the other.
        let one = thread::spawn(move || (block_on(one.take()), one));
        let two = thread::spawn(move || (block_on(two.take()), two));
        producer.try_put(1).unwrap();
        producer.try_put(2).unwrap();
        let (one, two) = (one.join().unwrap(), two.join().unwrap());
        let took = (one.0, two.0);
        assert!(matches!(took, (Some(1), Some(2)) | (Some(2), Some(1))), "{took:?}");
    });
}

#[test]
fn exhaustive_a_giver_gets_the_room_that_comes_while_it_begins_to_wait() {
    exhaustively(|| {
        let (producer, mut consumer) = queue::fifo(1);
        producer.try_put(1).unwrap();
        let giver = thread::spawn(move || block_on(producer.put(2)).map(|()| producer).unwrap());
        assert_eq!(consumer.try_take(), Ok(1));
        drop(giver.join().unwrap());
        assert_eq!(consumer.try_take(), Ok(2));
    });
}

#[test]
fn exhaustive_a_taker_that_gives_up_leaves_the_item_to_the_other() {
    exhaustively(|| {
        let (producer, mut one) = queue::fifo(1);
        let mut two = one.clone();
        let mut given_up = Box::pin(async move { one.take().await });
        assert_eq!(poll(given_up.as_mut()), Poll::Pending);
        let other = thread::spawn(move || block_on(two.take()));
        producer.try_put(1).unwrap();
        drop(given_up);
        assert_eq!(other.join().unwrap(), Some(1));
    });
}

#[test]
fn up_to_2_preemptions_a_giver_that_gives_up_has_back_what_nobody_took() {
    with_preemptions(2, || {
        let (producer, mut consumer) = queue::fifo(1);
        let other = producer.clone();
        let mut items = VecDeque::from([1, 2]);
        let mut given_up = Box::pin(producer.put_many(&mut items));
        assert_eq!(poll(given_up.as_mut()), Poll::Pending);
        let other = thread::spawn(move || block_on(other.put(3)).unwrap());
        let taker = thread::spawn(move || {
            let took = [block_on(consumer.take()), block_on(consumer.take())];
            (took.map(Option::unwrap).to_vec(), consumer)
        });
        drop(given_up);
        other.join().unwrap();
        let (mut seen, mut consumer) = taker.join().unwrap();
        seen.extend(consumer.try_take());
        seen.extend(items);
        seen.sort_unstable();
        assert_eq!(seen, [1, 2, 3]);
    });
}

#[test]
fn exhaustive_the_waker_of_the_last_poll_is_woken() {
    exhaustively(|| {
        let (producer, mut consumer) = queue::fifo(1);
        let giver = producer.clone();
        let giver = thread::spawn(move || giver.try_put(1).unwrap());
        let mut take = pin!(consumer.take());
        let took = match poll(take.as_mut()) {
            Poll::Pending => block_on(take),
            Poll::Ready(took) => took,
        };
        assert_eq!(took, Some(1));
        giver.join().unwrap();
    });
}
