//! Two tasks that take turns on one thread. A turn is a wake and a poll: a task switch.

use std::future::poll_fn;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Poll, Waker};
use std::time::Instant;

use crate::protocol::Outcome;

/// One turn for each pass of the item.
#[tokio::main(flavor = "current_thread")]
pub async fn hand_overs(items: u32) -> Outcome {
    let start = Instant::now();
    let turns = take_turns(items.into(), |_| ()).await;
    Outcome::timed(turns, start.elapsed())
}

/// One task fills a buffer of `capacity` items in its turn, the other task empties the buffer in its turn.
#[tokio::main(flavor = "current_thread")]
pub async fn batches(items: u32, capacity: usize) -> Outcome {
    struct Buffer {
        coming: Range<u64>,
        batch: Vec<u64>,
        sum: u64,
    }

    let start = Instant::now();
    let batches = u64::from(items).div_ceil(capacity as u64);
    let batch = Vec::with_capacity(capacity);
    let buffer = Arc::new(Mutex::new(Buffer { coming: 0..items.into(), batch, sum: 0 }));
    let shared = Arc::clone(&buffer);
    let turn = move |turn: u64| {
        let Buffer { coming, batch, sum } = &mut *shared.lock().unwrap();
        if turn.is_multiple_of(2) {
            batch.extend(coming.take(capacity));
        } else {
            *sum += batch.drain(..).sum::<u64>();
        }
    };
    take_turns(2 * batches, turn).await;
    let sum = buffer.lock().unwrap().sum;
    Outcome::timed(sum, start.elapsed())
}

/// Two tasks do `work` in turn, `turns` turns in all. Each task wakes the other for the next turn.
async fn take_turns(turns: u64, work: impl Fn(u64) + Clone + Send + 'static) -> u64 {
    let turn = Arc::new(AtomicU64::new(0));
    let wakers = Arc::new([const { OnceLock::<Waker>::new() }; 2]);
    let tasks = [(0, 1), (1, 0)].map(|(mine, other)| {
        let (turn, wakers, work) = (Arc::clone(&turn), Arc::clone(&wakers), work.clone());
        tokio::spawn(poll_fn(move |cx| {
            wakers[mine].get_or_init(|| cx.waker().clone());
            let now = turn.load(Ordering::Relaxed);
            if now < turns && now % 2 == mine as u64 {
                work(now);
                turn.store(now + 1, Ordering::Relaxed);
                // A task that was not polled yet is polled without a wake-up.
                wakers[other].get().inspect(|waker| waker.wake_by_ref());
            }
            if turn.load(Ordering::Relaxed) < turns { Poll::Pending } else { Poll::Ready(()) }
        }))
    });
    for task in tasks {
        task.await.unwrap();
    }
    turn.load(Ordering::Relaxed)
}
