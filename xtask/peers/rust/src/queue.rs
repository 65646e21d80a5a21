//! Items that pass, one by one, from producers to consumers through one bounded channel.

use std::time::Instant;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::channels::{Inlet, Outlet};
use crate::protocol::Outcome;

/// The numbers of producers and consumers, and the capacity of the queue.
#[derive(Clone, Copy)]
pub struct Shape {
    producers: u32,
    consumers: usize,
    capacity: usize,
}

pub const CAP10: Shape = Shape { producers: 1, consumers: 3, capacity: 10 };
pub const CAP1024: Shape = Shape { capacity: 1024, ..CAP10 };
pub const MN: Shape = Shape { producers: 4, consumers: 4, capacity: 128 };

/// Over a channel with cloneable senders and receivers.
pub fn mpmc<I: Inlet, O: Outlet + Clone>(items: u32, shape: Shape, channel: fn(usize) -> (I, O)) -> Outcome {
    let (inlet, outlet) = channel(shape.capacity);
    hand_over(items, shape.producers, inlet, vec![outlet; shape.consumers])
}

/// Over tokio's channel, which has one receiver: one consumer receives all items.
pub fn one_consumer(items: u32, shape: Shape) -> Outcome {
    let (inlet, outlet) = mpsc::channel(shape.capacity);
    hand_over(items, shape.producers, inlet, vec![outlet])
}

/// Each producer has its share of 0..items, and each consumer its own task.
#[tokio::main]
async fn hand_over<I: Inlet, O: Outlet>(items: u32, producers: u32, inlet: I, outlets: Vec<O>) -> Outcome {
    let start = Instant::now();
    let end_of = |share| u64::from(items) * u64::from(share) / u64::from(producers);
    for share in 0..producers {
        let inlet = inlet.clone();
        let items = end_of(share)..end_of(share + 1);
        tokio::spawn(async move {
            for item in items {
                inlet.put(item).await;
            }
        });
    }
    drop(inlet);
    let consumers: JoinSet<u64> = outlets.into_iter().map(sum).collect();
    let sum = consumers.join_all().await.into_iter().fold(0, u64::wrapping_add);
    Outcome::timed(sum, start.elapsed())
}

/// Returns the sum of the items that are received until the channel is closed.
pub async fn sum(mut outlet: impl Outlet) -> u64 {
    let mut sum = 0_u64;
    while let Some(item) = outlet.take().await {
        sum = sum.wrapping_add(item);
    }
    sum
}
