//! Order, bounds, closing and joining.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Poll;

use towpath_pattern::queue::{self, Closed, TryPutError, TryTakeError};

use crate::by_hand::{filled, hand, taken};

#[test]
fn the_oldest_comes_first_alone_and_in_batches() {
    let (producer, mut consumer) = filled(&[1, 2, 3, 4, 5], 10);
    assert_eq!(consumer.try_take(), Ok(1));
    producer.try_put(6).unwrap();
    let mut items = Vec::new();
    assert_eq!(hand(consumer.take_many(3, &mut items)).poll(), Poll::Ready(3));
    assert_eq!(hand(consumer.take_many(9, &mut items)).poll(), Poll::Ready(2));
    assert_eq!(items, [2, 3, 4, 5, 6]);
}

#[test]
fn the_newest_comes_first_from_a_lifo_queue() {
    let (producer, mut consumer) = queue::lifo(10);
    for item in 1..=5 {
        producer.try_put(item).unwrap();
    }
    assert_eq!(consumer.try_take(), Ok(5));
    producer.try_put(6).unwrap();
    let mut items = Vec::new();
    assert_eq!(hand(consumer.take_many(3, &mut items)).poll(), Poll::Ready(3));
    assert_eq!(items, [6, 4, 3]);
}

#[test]
fn a_full_queue_gives_the_item_back_or_lets_its_producer_wait() {
    let (producer, mut consumer) = filled(&[1, 2], 2);
    assert_eq!(producer.try_put(3), Err(TryPutError::Full(3)));
    let mut put = hand(producer.put(3));
    assert!(put.poll().is_pending());
    assert_eq!(consumer.try_take(), Ok(1));
    assert_eq!(put.woken(), 1);
    assert_eq!(put.poll(), Poll::Ready(Ok(())));
    assert_eq!((producer.len(), producer.capacity()), (2, 2));
}

#[test]
fn room_that_was_made_one_by_one_is_room() {
    let (producer, mut consumer) = filled(&(0..10).collect::<Vec<_>>(), 10);
    for item in 0..1_000 {
        assert_eq!(consumer.try_take(), Ok(item));
        producer.try_put(item + 10).expect("the one that was taken made room");
        assert_eq!(producer.try_put(0), Err(TryPutError::Full(0)));
    }
}

#[test]
fn without_capacity_an_item_is_put_when_a_consumer_waits_for_it() {
    let (producer, mut consumer) = queue::fifo(0);
    assert_eq!(producer.try_put(1), Err(TryPutError::Full(1)));
    let mut put = hand(producer.put(1));
    assert!(put.poll().is_pending());
    let mut other = consumer.clone();
    {
        let mut take = hand(consumer.take());
        assert!(take.poll().is_pending());
        assert_eq!(put.woken(), 1);
        assert_eq!(put.poll(), Poll::Ready(Ok(())));
        assert_eq!(producer.try_put(2), Err(TryPutError::Full(2)), "one waits, and has its item");
        assert_eq!(take.woken(), 1);
    }
    // Cancelled before it came to take: the item is still there.
    assert_eq!(hand(other.take()).poll(), Poll::Ready(Some(1)));
}

#[test]
fn a_batch_goes_in_as_far_as_there_is_room_and_the_rest_stays_with_its_owner() {
    let (producer, mut consumer) = queue::fifo(3);
    let mut items = VecDeque::from([1, 2, 3, 4, 5]);
    {
        let mut put = hand(producer.put_many(&mut items));
        assert!(put.poll().is_pending());
        assert_eq!(consumer.try_take(), Ok(1));
        assert!(put.poll().is_pending());
    }
    assert_eq!(items, [5]);
    let mut taken = Vec::new();
    assert_eq!(hand(consumer.take_many(10, &mut taken)).poll(), Poll::Ready(3));
    assert_eq!(taken, [2, 3, 4]);
}

/// Takes up to `max` items with one poll.

#[test]
fn closing_wakes_everybody_and_leaves_what_is_there() {
    let (producer, consumer) = filled(&[1], 1);
    let (mut put, mut other) = (hand(producer.put(2)), hand(producer.put(3)));
    assert!(put.poll().is_pending() && other.poll().is_pending());
    consumer.close();
    assert_eq!((put.woken(), other.woken()), (1, 1));
    assert_eq!((put.poll(), other.poll()), (Poll::Ready(Err(Closed(2))), Poll::Ready(Err(Closed(3)))));
    assert_eq!(producer.try_put(4), Err(TryPutError::Closed(4)));

    let (mut one, mut two) = (consumer.clone(), consumer);
    assert_eq!(one.try_take(), Ok(1));
    assert_eq!(one.try_take(), Err(TryTakeError::Closed));
    assert_eq!(hand(two.take()).poll(), Poll::Ready(None));

    let (producer, mut one) = queue::fifo::<u8>(1);
    let mut two = one.clone();
    let (mut first, mut second) = (hand(one.take()), hand(two.take()));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    drop(producer);
    assert_eq!((first.woken(), second.woken()), (1, 1));
    assert_eq!((first.poll(), second.poll()), (Poll::Ready(None), Poll::Ready(None)));
}

#[test]
fn without_consumers_everything_that_is_put_comes_back() {
    let (producer, consumer) = filled(&[1], 1);
    let mut put = hand(producer.put(2));
    assert!(put.poll().is_pending());
    drop(consumer);
    assert_eq!((put.woken(), put.poll()), (1, Poll::Ready(Err(Closed(2)))));
    let mut items = VecDeque::from([3, 4]);
    assert_eq!(hand(producer.put_many(&mut items)).poll(), Poll::Ready(Err(Closed(()))));
    assert_eq!(items, [3, 4]);
}

#[test]
fn what_nobody_can_take_any_more_is_dropped() {
    let (producer, consumer) = queue::fifo(2);
    let item = Arc::new(());
    producer.try_put(Arc::clone(&item)).unwrap();
    drop(consumer);
    assert_eq!(Arc::strong_count(&item), 1);
    assert!(producer.is_empty());
}

#[test]
fn any_number_may_want_as_much_as_they_like() {
    let (producer, mut one) = queue::fifo(usize::MAX);
    let mut two = one.clone();
    let (mut few, mut many) = (Vec::new(), Vec::new());
    let mut first = hand(one.take_many(usize::MAX, &mut few));
    let mut second = hand(two.take_many(usize::MAX, &mut many));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    producer.try_put(1).unwrap();
    assert_eq!(first.poll(), Poll::Ready(1));
    producer.close();
    assert_eq!(second.poll(), Poll::Ready(0));

    let (producer, mut consumer) = queue::fifo(0);
    let mut waiting = consumer.clone();
    let mut take = hand(waiting.take());
    assert!(take.poll().is_pending());
    let mut items = VecDeque::from([1, 2]);
    let mut put = hand(producer.put_many(&mut items));
    assert!(put.poll().is_pending());
    assert_eq!((taken(&mut consumer, usize::MAX), taken(&mut consumer, usize::MAX)), (vec![1], vec![2]));
}

#[test]
fn a_join_waits_until_every_item_is_finished() {
    let (producer, mut one) = filled(&[1, 2], 2);
    let mut two = one.clone();
    let mut join = hand(producer.join());
    assert!(join.poll().is_pending());
    assert_eq!((one.try_take(), two.try_take()), (Ok(1), Ok(2)));
    assert!(join.poll().is_pending(), "both are in hand");
    assert_eq!(one.try_take(), Err(TryTakeError::Empty));
    assert!(join.poll().is_pending(), "the second is still in hand");
    drop(two);
    assert_eq!((join.woken(), join.poll()), (1, Poll::Ready(Ok(()))));
    assert_eq!(hand(producer.join()).poll(), Poll::Ready(Ok(())), "nothing was put since");
}

#[test]
fn a_join_ends_when_nobody_is_left_to_take() {
    let (producer, consumer) = filled(&[1], 1);
    let mut join = hand(producer.join());
    assert!(join.poll().is_pending());
    drop(consumer);
    assert_eq!((join.woken(), join.poll()), (1, Poll::Ready(Err(Closed(())))));
}

#[test]
fn a_batch_is_no_larger_than_asked_for_though_its_list_has_memory_to_spare() {
    let (_producer, mut consumer) = filled(&[1, 2, 3, 4, 5], 10);
    let mut items = Vec::with_capacity(8);
    assert_eq!(hand(consumer.take_many(2, &mut items)).poll(), Poll::Ready(2));
    assert_eq!((items, consumer.len()), (vec![1, 2], 3));
}

#[test]
fn both_sides_tell_how_full_the_queue_is() {
    let (producer, consumer) = filled(&[1, 2], 5);
    assert_eq!((producer.len(), producer.is_empty(), producer.capacity()), (2, false, 5));
    assert_eq!((consumer.len(), consumer.is_empty(), consumer.capacity()), (2, false, 5));
    let (producer, consumer) = queue::fifo::<u8>(1);
    assert!(producer.is_empty() && consumer.is_empty());
}
