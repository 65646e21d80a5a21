//! The queue by itself: order, bounds, closing, joining, and what a cancelled or hostile waiter may not do.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::time::timeout;
use towpath_pattern::queue::{self, Closed, Consumer, Producer, TryPutError, TryTakeError};

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Woken {
    fn times(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A future that is polled by hand.
struct Hand<F> {
    future: Pin<Box<F>>,
    woken: Arc<Woken>,
}

fn hand<F: Future>(future: F) -> Hand<F> {
    Hand { future: Box::pin(future), woken: Arc::default() }
}

impl<F: Future> Hand<F> {
    fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(&self.woken));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    fn woken(&self) -> usize {
        self.woken.times()
    }
}

fn filled<T: Copy>(items: &[T], capacity: usize) -> (Producer<T>, Consumer<T>) {
    let (producer, consumer) = queue::fifo(capacity);
    for &item in items {
        producer.try_put(item).expect("there is room");
    }
    (producer, consumer)
}

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
fn taken<T>(consumer: &mut Consumer<T>, max: usize) -> Vec<T> {
    let mut items = Vec::new();
    assert!(hand(consumer.take_many(max, &mut items)).poll().is_ready());
    items
}

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
    assert!(later.poll().is_pending(), "there is room, for the batch");
    assert_eq!((producer.try_put(9), producer.try_put(9)), (Ok(()), Err(TryPutError::Full(9))));
    assert_eq!((taken(&mut consumer, 2), taken(&mut consumer, 2)), (vec![2, 9], vec![3, 4]));
    assert_eq!((batch.poll(), later.poll()), (Poll::Ready(Ok(())), Poll::Ready(Ok(()))));
    assert_eq!(consumer.try_take(), Ok(5));
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

#[test]
fn a_producer_that_gives_up_after_it_was_called_passes_the_call_on() {
    let (producer, mut consumer) = filled(&[1], 1);
    let (mut first, mut second) = (hand(producer.put(2)), hand(producer.put(3)));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    assert_eq!(consumer.try_take(), Ok(1));
    assert_eq!((first.woken(), second.woken()), (1, 0));
    drop(first);
    assert_eq!(second.woken(), 1);
    assert_eq!(second.poll(), Poll::Ready(Ok(())));
}

#[test]
fn a_consumer_that_gives_up_after_it_was_called_passes_the_call_on() {
    let (producer, mut one) = queue::fifo(10);
    let mut two = one.clone();
    let (mut first, mut second) = (hand(one.take()), hand(two.take()));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    producer.try_put(1).unwrap();
    assert_eq!((first.woken(), second.woken()), (1, 0));
    drop(first);
    assert_eq!(second.woken(), 1);
    assert_eq!(second.poll(), Poll::Ready(Some(1)));
}

#[test]
fn whoever_comes_calls_the_next_while_there_is_more() {
    let (producer, mut one) = queue::fifo(10);
    let mut two = one.clone();
    let (mut first, mut second) = (hand(one.take()), hand(two.take()));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    let mut items = VecDeque::from([1, 2]);
    assert_eq!(hand(producer.put_many(&mut items)).poll(), Poll::Ready(Ok(())));
    assert_eq!(first.poll(), Poll::Ready(Some(1)));
    assert_eq!(second.woken(), 1);
    assert_eq!(second.poll(), Poll::Ready(Some(2)));
}

#[test]
fn one_that_was_called_and_never_comes_does_not_stop_a_full_queue() {
    let (producer, mut one) = queue::fifo(2);
    let mut two = one.clone();
    let (mut idle, mut second) = (hand(one.take()), hand(two.take()));
    assert!(idle.poll().is_pending() && second.poll().is_pending());
    producer.try_put(1).unwrap();
    producer.try_put(2).unwrap();
    assert_eq!((idle.woken(), second.woken()), (1, 1));
    assert_eq!(second.poll(), Poll::Ready(Some(1)));
}

#[test]
fn the_waker_of_the_last_poll_is_the_one_that_is_woken() {
    let (producer, mut consumer) = queue::fifo(1);
    let mut take = hand(consumer.take());
    assert!(take.poll().is_pending());
    let before = std::mem::take(&mut take.woken);
    assert!(take.poll().is_pending());
    producer.try_put(1).unwrap();
    assert_eq!((before.times(), take.woken()), (0, 1));

    let mut put = hand(producer.put(2));
    assert!(put.poll().is_pending());
    let before = std::mem::take(&mut put.woken);
    assert!(put.poll().is_pending());
    assert_eq!(take.poll(), Poll::Ready(Some(1)));
    assert_eq!((before.times(), put.woken()), (0, 1));
}

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

/// A waker whose every step looks into the queue, which is locked if it is not called after the lock.
struct Looks(Producer<u8>, AtomicUsize);

impl Wake for Looks {
    fn wake(self: Arc<Self>) {
        self.1.store(self.0.len(), Ordering::SeqCst);
    }
}

impl Drop for Looks {
    fn drop(&mut self) {
        assert!(self.0.len() <= self.0.capacity());
    }
}

#[test]
fn wakers_may_use_the_queue_when_woken_and_when_dropped() {
    let (told, over) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let (producer, mut consumer) = queue::fifo::<u8>(1);
        let waker = || Waker::from(Arc::new(Looks(producer.clone(), AtomicUsize::new(0))));
        let mut take = pin!(consumer.take());
        for _ in 0..3 {
            assert!(take.as_mut().poll(&mut Context::from_waker(&waker())).is_pending());
        }
        producer.try_put(1).unwrap();
        assert!(take.as_mut().poll(&mut Context::from_waker(&waker())).is_ready());
        told.send(()).unwrap();
    });
    over.recv_timeout(Duration::from_secs(10)).expect("no deadlock, and no panic");
}

/// A waker that panics.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("this waker panics");
    }
}

#[test]
fn a_waker_that_panics_costs_the_others_nothing() {
    let (producer, mut one) = queue::fifo::<u8>(1);
    let (mut two, mut three) = (one.clone(), one.clone());
    let mut first = hand(one.take());
    assert!(first.poll().is_pending());
    let mut second = pin!(two.take());
    assert!(second.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::new(Panics)))).is_pending());
    let mut third = hand(three.take());
    assert!(third.poll().is_pending());
    let closing = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| producer.close()));
    assert!(closing.is_err(), "the panic is somebody's: here, of whoever closed the queue");
    assert_eq!((first.woken(), third.woken()), (1, 1));
    assert_eq!((first.poll(), third.poll()), (Poll::Ready(None), Poll::Ready(None)));
}

#[test]
fn items_are_dropped_without_a_deep_stack_and_a_huge_capacity_is_fine() {
    let drops = std::thread::Builder::new().stack_size(128 * 1024).spawn(|| {
        let (producer, consumer) = queue::fifo(usize::MAX);
        let mut items: VecDeque<_> = (0..1_000_000).map(Some).collect();
        assert!(hand(producer.put_many(&mut items)).poll().is_ready());
        drop((producer, consumer));
    });
    drops.unwrap().join().expect("no overflow");
}

/// The timer's thread is the one that is kept busy.
#[tokio::test]
async fn a_queue_that_is_always_ready_lets_a_timer_fire() {
    let (producer, mut consumer) = queue::fifo(10);
    let busy = async {
        for item in 0..10_000_000_u64 {
            producer.put(item).await?;
            consumer.take().await;
        }
        Ok::<_, Closed<u64>>(())
    };
    assert!(
        timeout(Duration::from_millis(1), busy).await.is_err(),
        "ten million items went before a millisecond"
    );
}

/// Takes one item, but gives the wait up now and then.
async fn take_with_doubts(consumer: &mut Consumer<usize>, left: &AtomicUsize) -> Option<usize> {
    loop {
        tokio::select! {
            biased;
            item = consumer.take() => return item,
            () = tokio::task::yield_now() => {}
        }
        if left.load(Ordering::SeqCst) == 0 {
            return None;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_item_is_taken_once_however_it_is_put_and_taken_and_given_up() {
    const ITEMS: usize = 20_000;
    for capacity in [0, 1, 2, 10, 1_000] {
        let (producer, consumer) = queue::fifo(capacity);
        let left = Arc::new(AtomicUsize::new(ITEMS));
        let mut producing = tokio::task::JoinSet::new();
        for kind in 0..4 {
            let producer = producer.clone();
            producing.spawn(async move {
                let mut part: VecDeque<_> = (ITEMS / 4 * kind..ITEMS / 4 * (kind + 1)).collect();
                while !part.is_empty() {
                    if kind % 2 == 0 {
                        producer.put(part.pop_front().unwrap()).await.unwrap();
                    } else {
                        tokio::select! {
                            biased;
                            put = producer.put_many(&mut part) => put.unwrap(),
                            () = tokio::task::yield_now() => {}
                        }
                    }
                }
            });
        }
        let mut consuming = tokio::task::JoinSet::new();
        for kind in 0..4 {
            let (mut consumer, left) = (consumer.clone(), Arc::clone(&left));
            consuming.spawn(async move {
                let mut taken = Vec::new();
                while left.load(Ordering::SeqCst) > 0 {
                    let before = taken.len();
                    if kind % 2 == 0 {
                        taken.extend(take_with_doubts(&mut consumer, &left).await);
                    } else {
                        tokio::select! {
                            biased;
                            _ = consumer.take_many(7, &mut taken) => {}
                            () = tokio::task::yield_now() => {}
                        }
                    }
                    left.fetch_sub(taken.len() - before, Ordering::SeqCst);
                }
                taken
            });
        }
        producing.join_all().await;
        let mut taken = consuming.join_all().await.concat();
        taken.sort_unstable();
        assert!(taken.iter().copied().eq(0..ITEMS), "at capacity {capacity}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_sleeps_while_there_is_something_to_take() {
    for capacity in [0, 1, 3, 64] {
        let (producer, consumer) = queue::fifo(capacity);
        let mut consuming = tokio::task::JoinSet::new();
        for _ in 0..3 {
            let mut consumer = consumer.clone();
            consuming.spawn(async move {
                for _ in 0..5_000 {
                    consumer.take().await.unwrap();
                }
            });
        }
        for size in [1, 1, 8] {
            let producer = producer.clone();
            consuming.spawn(async move {
                for item in 0..5_000 / size {
                    if size == 1 {
                        producer.put(item).await.unwrap();
                    } else {
                        let mut items = VecDeque::from(vec![item; size]);
                        producer.put_many(&mut items).await.unwrap();
                    }
                }
            });
        }
        // No close helps them: the producer and the consumer here live on.
        let all = timeout(Duration::from_secs(30), consuming.join_all()).await;
        assert!(all.is_ok(), "somebody sleeps at capacity {capacity}");
    }
}
