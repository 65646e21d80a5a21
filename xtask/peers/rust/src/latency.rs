//! Items that arrive by a schedule at a pool of workers that do nothing.
//!
//! The time of an item counts from its due time, by a fixed schedule, until its output is received.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, mpsc};

use crate::protocol::Outcome;
use crate::times::Times;

const WORKERS: usize = 16;

/// The capacity of the channels before and behind the workers: more than a burst.
const ROOM: usize = 1_024;

/// The time before the first arrival.
const LEAD: Duration = Duration::from_millis(5);

/// The sender does not yield in this last interval before an item is due.
const NEAR: Duration = Duration::from_micros(5);

/// Bursts of items, with a period between the bursts.
#[derive(Clone, Copy)]
pub struct Arrivals {
    burst: u64,
    every: Duration,
}

pub const STEADY: Arrivals = Arrivals { burst: 1, every: Duration::from_micros(100) };
pub const BURSTS: Arrivals = Arrivals { burst: 1_000, every: Duration::from_millis(1) };

impl Arrivals {
    fn due(self, first: Instant, item: u64) -> Instant {
        first + Duration::from_nanos(item / self.burst * u64::from(self.every.subsec_nanos()))
    }
}

/// The workers share the only receiver under tokio's lock, which is for guards that are held across an await.
#[tokio::main]
pub async fn mpsc(items: u32, arrivals: Arrivals) -> Outcome {
    let first = Instant::now() + LEAD;
    let (jobs, mut outputs) = workers();
    tokio::spawn(async move {
        for item in 0..items.into() {
            until(arrivals.due(first, item)).await;
            jobs.send(item).await.unwrap();
        }
    });

    let receiver = tokio::spawn(async move {
        let (mut sum, mut times) = (0, Times::new());
        while let Some(item) = outputs.recv().await {
            times.record(arrivals.due(first, item).elapsed());
            sum += item;
        }
        Outcome::of_times(sum, &times)
    });
    receiver.await.unwrap()
}

/// The same workers. Each output sends the next item, so that this number of items is in flight.
#[tokio::main]
pub async fn in_flight(items: u32, in_flight: usize) -> Outcome {
    let (jobs, mut outputs) = workers();
    let receiver = tokio::spawn(async move {
        let (mut sum, mut times) = (0, Times::new());
        let mut unsent = 0..u64::from(items);
        for item in unsent.by_ref().take(in_flight) {
            jobs.try_send((item, Instant::now())).unwrap();
        }
        for _ in 0..items {
            let (item, sent): (u64, Instant) = outputs.recv().await.unwrap();
            times.record(sent.elapsed());
            sum += item;
            if let Some(next) = unsent.next() {
                jobs.try_send((next, Instant::now())).unwrap();
            }
        }
        Outcome::of_times(sum, &times)
    });
    receiver.await.unwrap()
}

/// The channel to the workers, and the channel from them.
fn workers<T: Send + 'static>() -> (mpsc::Sender<T>, mpsc::Receiver<T>) {
    let (jobs, received) = mpsc::channel(ROOM);
    let (results, outputs) = mpsc::channel(ROOM);
    let received = Arc::new(Mutex::new(received));
    for _ in 0..WORKERS {
        let (received, results) = (received.clone(), results.clone());
        tokio::spawn(async move {
            loop {
                let item: Option<T> = received.lock().await.recv().await;
                let Some(item) = item else { break };
                if results.send(item).await.is_err() {
                    break;
                }
            }
        });
    }
    (jobs, outputs)
}

/// Yields: tokio's timer ticks once a millisecond.
async fn until(due: Instant) {
    loop {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        if left > NEAR {
            tokio::task::yield_now().await;
        }
    }
}
