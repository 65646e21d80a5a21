//! Batches that wait for room, and what becomes of those that give up.

use std::collections::VecDeque;
use std::task::Poll;

use towpath_pattern::queue::{self, Closed, TryPutError, TryTakeError};

use crate::by_hand::{filled, hand, taken};

#[test]
fn what_a_batch_waits_to_put_is_taken_in_order_before_its_producer_comes() {
    let (producer, mut consumer) = queue::fifo(2);
    let (mut items, mut others) = (VecDeque::from([1, 2, 3, 4]), VecDeque::from([5, 6]));
    let (mut first, mut second) = (hand(producer.put_many(&mut items)), hand(producer.put_many(&mut others)));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    assert_eq!(consumer.len(), 2, "what waits is not in the queue");
    assert_eq!((taken(&mut consumer, 9), taken(&mut consumer, 9)), (vec![1, 2], vec![3, 4]));
    assert_eq!((first.woken(), second.woken()), (1, 1));
    assert_eq!(consumer.try_take(), Ok(5));
    assert_eq!((first.poll(), second.poll()), (Poll::Ready(Ok(())), Poll::Ready(Ok(()))));
    drop((first, second));
    assert!(items.is_empty() && others.is_empty());
    assert_eq!((consumer.try_take(), consumer.try_take()), (Ok(6), Err(TryTakeError::Empty)));
}

#[test]
fn a_batch_given_up_while_it_waits_comes_back_and_leaves_those_of_others() {
    let (producer, mut consumer) = queue::fifo(3);
    let (mut items, mut others) = ((1..=8).collect::<VecDeque<_>>(), VecDeque::from([11, 12]));
    let mut between = VecDeque::from([9, 10]);
    let (mut first, mut second) = (hand(producer.put_many(&mut items)), hand(producer.put_many(&mut others)));
    let mut given_up = hand(producer.put_many(&mut between));
    assert!(first.poll().is_pending() && given_up.poll().is_pending() && second.poll().is_pending());
    drop(given_up);
    assert_eq!(between, [9, 10]);
    assert_eq!(consumer.try_take(), Ok(1));
    assert!(first.poll().is_pending(), "only one more found room");
    drop(first);
    assert_eq!(items, [5, 6, 7, 8]);
    assert_eq!((taken(&mut consumer, 3), second.woken()), (vec![2, 3, 4], 1));
    assert_eq!(taken(&mut consumer, 3), [11, 12]);
    assert_eq!(second.poll(), Poll::Ready(Ok(())));
}

#[test]
fn a_batch_that_waits_comes_back_when_the_queue_is_closed_or_nobody_is_left_to_take() {
    for dropped in [false, true] {
        let (producer, mut consumer) = queue::fifo(2);
        let mut items: VecDeque<_> = (1..=6).collect();
        let mut put = hand(producer.put_many(&mut items));
        assert!(put.poll().is_pending());
        if dropped {
            drop(consumer);
        } else {
            consumer.close();
            assert_eq!(taken(&mut consumer, 9), [1, 2]);
            assert_eq!(consumer.try_take(), Err(TryTakeError::Closed));
        }
        assert_eq!((put.woken(), put.poll()), (1, Poll::Ready(Err(Closed(())))));
        drop(put);
        assert_eq!(items, [3, 4, 5, 6]);
    }
}

#[test]
fn a_batch_that_went_in_before_the_queue_was_closed_is_put() {
    let (producer, mut consumer) = queue::fifo(2);
    let mut items: VecDeque<_> = (1..=4).collect();
    let mut put = hand(producer.put_many(&mut items));
    assert!(put.poll().is_pending());
    assert_eq!((taken(&mut consumer, 2), consumer.try_take()), (vec![1, 2], Ok(3)));
    consumer.close();
    assert_eq!(put.poll(), Poll::Ready(Ok(())));
    assert_eq!((consumer.try_take(), consumer.try_take()), (Ok(4), Err(TryTakeError::Closed)));
}

#[test]
fn a_single_item_is_not_put_before_its_producer_comes_and_keeps_its_turn() {
    let (producer, mut consumer) = filled(&[1, 2], 2);
    let mut items = VecDeque::from([5, 6]);
    let (mut given_up, mut single) = (hand(producer.put(3)), hand(producer.put(4)));
    let mut batch = hand(producer.put_many(&mut items));
    assert!(given_up.poll().is_pending() && single.poll().is_pending() && batch.poll().is_pending());
    assert_eq!(consumer.try_take(), Ok(1));
    drop(given_up);
    assert_eq!((single.woken(), single.poll()), (1, Poll::Ready(Ok(()))));
    assert_eq!((taken(&mut consumer, 2), taken(&mut consumer, 2)), (vec![2, 4], vec![5, 6]));
    assert_eq!(batch.poll(), Poll::Ready(Ok(())));
}

#[test]
fn one_that_was_called_and_never_comes_does_not_stop_the_batches_behind_it() {
    let (producer, mut consumer) = filled(&[1], 1);
    let mut items = VecDeque::from([3, 4]);
    let (mut idle, mut batch) = (hand(producer.put(2)), hand(producer.put_many(&mut items)));
    assert!(idle.poll().is_pending() && batch.poll().is_pending());
    assert_eq!((consumer.try_take(), consumer.try_take()), (Ok(1), Ok(3)));
    assert_eq!((idle.woken(), batch.woken(), batch.poll()), (1, 1, Poll::Ready(Ok(()))));
    assert_eq!((consumer.try_take(), idle.poll()), (Ok(4), Poll::Ready(Ok(()))));
}

#[test]
fn whoever_comes_later_waits_behind_a_batch_but_may_try() {
    let (producer, mut consumer) = filled(&[1, 2], 2);
    let mut items = VecDeque::from([3, 4]);
    let (mut batch, mut later) = (hand(producer.put_many(&mut items)), hand(producer.put(5)));
    assert!(batch.poll().is_pending());
    assert_eq!(consumer.try_take(), Ok(1));
    assert_eq!((producer.try_put(9), producer.try_put(9)), (Ok(()), Err(TryPutError::Full(9))));
    assert_eq!(consumer.try_take(), Ok(2));
    assert!(later.poll().is_pending(), "there was room, for the batch");
    assert_eq!((taken(&mut consumer, 2), taken(&mut consumer, 2)), (vec![9, 3], vec![4]));
    assert_eq!((batch.poll(), later.poll()), (Poll::Ready(Ok(())), Poll::Ready(Ok(()))));
    assert_eq!(consumer.try_take(), Ok(5));
}

#[test]
fn a_batch_whose_producer_never_comes_keeps_no_other_producer_waiting() {
    let (producer, mut consumer) = filled(&[1, 2], 2);
    let mut items = VecDeque::from([3]);
    let mut idle = hand(producer.put_many(&mut items));
    assert!(idle.poll().is_pending());
    assert_eq!((consumer.try_take(), consumer.try_take()), (Ok(1), Ok(2)));
    assert_eq!((idle.woken(), hand(producer.put(4)).poll()), (1, Poll::Ready(Ok(()))));
    assert_eq!(taken(&mut consumer, 9), [3, 4]);
}

#[test]
fn without_capacity_a_batch_is_taken_from_the_hand() {
    let (producer, mut consumer) = queue::fifo(0);
    let mut items = VecDeque::from([1, 2]);
    let mut put = hand(producer.put_many(&mut items));
    assert!(put.poll().is_pending());
    assert_eq!((producer.len(), taken(&mut consumer, 2)), (0, vec![1]));
    assert!(put.poll().is_pending());
    assert_eq!((producer.len(), consumer.try_take(), put.poll()), (0, Ok(2), Poll::Ready(Ok(()))));
}

#[test]
fn a_batch_waits_for_room_in_a_lifo_queue_too() {
    let (producer, mut consumer) = queue::lifo(2);
    let producer = producer.of_input(0);
    let mut items = VecDeque::from([1, 2, 3]);
    let mut put = hand(producer.put_many(&mut items));
    assert!(put.poll().is_pending());
    assert_eq!((consumer.try_take(), put.woken()), (Ok(2), 1));
    assert_eq!((put.poll(), taken(&mut consumer, 3)), (Poll::Ready(Ok(())), vec![3, 1]));
}

#[test]
fn who_was_called_in_vain_is_called_again() {
    let (producer, mut one) = queue::fifo(2);
    let mut two = one.clone();
    let mut take = hand(one.take());
    for times in 1..3 {
        assert!(take.poll().is_pending());
        producer.try_put(times).unwrap();
        assert_eq!((take.woken(), two.try_take()), (times, Ok(times)));
    }
}

#[test]
fn what_is_let_in_is_not_waited_for_any_more() {
    let (producer, mut consumer) = filled(&[1, 2, 3], 3);
    let (mut items, mut others) = (VecDeque::from([4, 5, 6]), VecDeque::from([7]));
    let (mut first, mut second) = (hand(producer.put_many(&mut items)), hand(producer.put_many(&mut others)));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    assert_eq!((consumer.try_take(), first.woken()), (Ok(1), 1));
    assert!(second.poll().is_pending(), "in passing it lets in the first one's first item");
    assert_eq!((taken(&mut consumer, 3), second.woken()), (vec![2, 3, 4], 1));
}

#[test]
fn a_producer_that_comes_and_lets_its_batch_in_calls_a_consumer() {
    let (producer, mut consumer) = queue::fifo(1);
    let (mut one, mut two) = (consumer.clone(), consumer.clone());
    let (mut first, mut second) = (hand(one.take()), hand(two.take()));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    producer.try_put(1).unwrap();
    let mut items = VecDeque::from([2]);
    let mut put = hand(producer.put_many(&mut items));
    assert!(put.poll().is_pending());
    assert_eq!((first.woken(), consumer.try_take()), (1, Ok(1)));
    drop(first);
    assert_eq!((put.woken(), put.poll()), (1, Poll::Ready(Ok(()))));
    assert_eq!((second.woken(), second.poll()), (1, Poll::Ready(Some(2))));
}

#[test]
fn a_batch_that_exchanges_memory_with_the_queue_stays_in_order() {
    let (producer, mut consumer) = queue::fifo(8);
    let (mut items, mut into, mut expected) = (VecDeque::new(), Vec::with_capacity(8), 0..);
    for round in 0..100 {
        for _ in 0..=round % 5 {
            producer.try_put(expected.start + producer.len()).unwrap();
        }
        items.extend((expected.start + producer.len()..).take(3));
        assert!(hand(producer.put_many(&mut items)).poll().is_ready());
        if round % 3 == 0 {
            assert_eq!(consumer.try_take().ok(), expected.next());
        }
        for most in [round % 8 + 1, 8] {
            into.clear();
            let there = consumer.len().min(most);
            if there > 0 {
                assert_eq!(hand(consumer.take_many(most, &mut into)).poll(), Poll::Ready(there));
            }
            assert_eq!(into.len(), there);
            assert!(into.iter().copied().eq(expected.by_ref().take(into.len())));
        }
    }
}
