//! Workloads of a queue: items in batches, items one by one, items through the pattern, and one item back and forth.

use std::collections::VecDeque;
use std::ops::Range;

use anyhow::Result;
use tokio::task::JoinSet;
use towpath_producer_consumer::queue::{self, Receiver, Sender};
use towpath_producer_consumer::{PatternExt, ProducerConsumer, QueueSender};

/// The number of producers, the number of consumers, and the capacity of the queue.
#[derive(Clone, Copy)]
pub struct Shape {
    producers: u64,
    consumers: usize,
    capacity: usize,
}

pub const SHAPES: [(&str, Shape); 3] = [
    ("queue-cap10", Shape { producers: 1, consumers: 3, capacity: 10 }),
    ("queue-cap1024", Shape { producers: 1, consumers: 3, capacity: 1_024 }),
    ("queue-mn", Shape { producers: 4, consumers: 4, capacity: 128 }),
];

/// A shape with a growing number of producers or consumers, and four tasks on the other side.
type Growing = fn(usize) -> Shape;

pub const GROWING: [(&str, Growing); 2] = [
    ("producers", |producers| Shape { producers: producers as u64, consumers: 4, capacity: 128 }),
    ("consumers", |consumers| Shape { producers: 4, consumers, capacity: 128 }),
];

impl Shape {
    /// Returns the items of each producer.
    fn parts(self, items: u64) -> impl Iterator<Item = Range<u64>> {
        (0..self.producers)
            .map(move |part| items * part / self.producers..items * (part + 1) / self.producers)
    }

    /// Runs a task for each producer and each consumer. Returns the sum of the received items.
    async fn run<P, C>(
        self,
        items: u64,
        put: impl Fn(Sender<u64>, Range<u64>) -> P,
        take: impl Fn(Receiver<u64>) -> C,
    ) -> Result<u64>
    where
        P: Future<Output = Result<u64>> + Send + 'static,
        C: Future<Output = Result<u64>> + Send + 'static,
    {
        let (producer, consumer) = queue::bounded(self.capacity);
        let mut tasks = JoinSet::new();
        for part in self.parts(items) {
            tasks.spawn(put(producer.clone(), part));
        }
        for _ in 0..self.consumers {
            tasks.spawn(take(consumer.clone()));
        }
        drop((producer, consumer));
        let mut sum = 0_u64;
        while let Some(part) = tasks.join_next().await {
            sum = sum.wrapping_add(part??);
        }
        Ok(sum)
    }
}

/// Sends and receives batches as large as the capacity of the queue.
pub async fn in_batches(shape: Shape, items: u64) -> Result<u64> {
    let size = shape.capacity;
    let put = move |producer: Sender<u64>, mut part: Range<u64>| async move {
        let mut batch = VecDeque::with_capacity(size);
        while !part.is_empty() {
            batch.extend(part.by_ref().take(size));
            producer.send_many(&mut batch).await?;
        }
        Ok(0)
    };
    let take = move |mut consumer: Receiver<u64>| async move {
        let (mut sum, mut batch) = (0, Vec::with_capacity(size));
        while consumer.recv_many(size, &mut batch).await > 0 {
            sum += batch.drain(..).sum::<u64>();
        }
        Ok(sum)
    };
    shape.run(items, put, take).await
}

pub async fn one_by_one(shape: Shape, items: u64) -> Result<u64> {
    let put = |producer: Sender<u64>, part: Range<u64>| async move {
        for item in part {
            producer.send(item).await?;
        }
        Ok(0)
    };
    let take = |mut consumer: Receiver<u64>| async move {
        let mut sum = 0;
        while let Some(item) = consumer.recv().await {
            sum += item;
        }
        Ok(sum)
    };
    shape.run(items, put, take).await
}

/// Each producer of the pattern sends its part in batches, and each consumer returns its item.
pub async fn pattern(shape: Shape, items: u64) -> Result<u64> {
    let producers = usize::try_from(shape.producers)?;
    let size = shape.capacity;
    let put = ProducerConsumer::producers(
        producers,
        move |mut part: Range<u64>, queue: QueueSender<u64>| async move {
            let mut batch = VecDeque::with_capacity(size);
            while !part.is_empty() {
                batch.extend(part.by_ref().take(size));
                queue.send_many(&mut batch).await?;
            }
            Ok(())
        },
    );
    let both = put.consumers(shape.consumers, |item: u64| async move { Ok(item) }).capacity(shape.capacity);
    let mut run = both.run(shape.parts(items).collect::<Vec<_>>());
    let mut sum = 0_u64;
    while let Some(output) = run.next().await {
        sum = sum.wrapping_add(output?);
    }
    Ok(sum)
}

/// Two tasks send a number back and forth, and each task adds one.
pub async fn ping_pong(handovers: u64) -> Result<u64> {
    let (there, mut arriving) = queue::bounded::<u64>(1);
    let (back, mut returning) = queue::bounded::<u64>(1);
    let other = tokio::spawn(async move {
        while let Some(number) = arriving.recv().await {
            back.send(number + 1).await?;
        }
        anyhow::Ok(())
    });
    let mut number = 0;
    while number < handovers {
        there.send(number + 1).await?;
        number = returning.recv().await.unwrap_or(handovers);
    }
    drop(there);
    other.await??;
    Ok(number)
}
