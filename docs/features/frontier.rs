//! A storage of the user as the source: the jobs add half of every number, and the run ends when the storage is empty and no
//! job runs.

use std::sync::{Arc, Mutex};

use anyhow::Result;
use towpath_fanout::{Fanout, Frontier, PatternExt, Source, Storage, anyhow};
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::{ProducerConsumer, QueueSender};
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

/// A table of a database has the same three methods.
#[derive(Clone)]
struct Table(Arc<Mutex<Vec<u64>>>);

impl Table {
    fn of(numbers: &[u64]) -> Self {
        Self(Arc::new(Mutex::new(numbers.to_vec())))
    }
}

impl Storage for Table {
    type Item = u64;

    async fn add(&self, number: u64) -> Result<()> {
        self.give_back(number)
    }

    async fn take(&self, max: usize) -> Result<Vec<u64>> {
        let mut numbers = self.0.lock().expect("no panic");
        let rest = numbers.len().saturating_sub(max);
        Ok(numbers.split_off(rest))
    }

    fn give_back(&self, number: u64) -> Result<()> {
        self.0.lock().expect("no panic").push(number);
        Ok(())
    }
}

async fn halve(number: u64, frontier: Frontier<Table>) -> Result<u64> {
    if number > 1 {
        frontier.add(number / 2).await?;
    }
    Ok(number)
}

#[tokio::test(start_paused = true)]
async fn fanout() -> Result<()> {
    let (frontier, numbers) = Source::frontier(Table::of(&[8]));
    let halves = Fanout::new(4, move |number| halve(number, frontier.clone()));
    assert_eq!(halves.run(numbers).collect().await?, [8, 4, 2, 1]);
    Ok(())
}

/// The jobs of the first stage add numbers.
#[tokio::test(start_paused = true)]
async fn pipeline() -> Result<()> {
    let (frontier, numbers) = Source::frontier(Table::of(&[8]));
    let square = |number: u64| async move { anyhow::Ok(number * number) };
    let squares = Pipeline::new(4, move |number| halve(number, frontier.clone())).then_stage(1, square);
    assert_eq!(squares.run(numbers).collect().await?, [64, 16, 4, 1]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn semaphore() -> Result<()> {
    let (frontier, numbers) = Source::frontier(Table::of(&[8]));
    let permits = Semaphore::new(2);
    let halves = WithPermit::new(4, &permits, move |number| halve(number, frontier.clone()));
    assert_eq!(halves.run(numbers).collect().await?, [8, 4, 2, 1]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn resource() -> Result<()> {
    let (frontier, numbers) = Source::frontier(Table::of(&[8]));
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let job = move |(_log, number): (ResourceGuard<String>, u64)| halve(number, frontier.clone());
    assert_eq!(WithResource::new(4, log, job).run(numbers).collect().await?, [8, 4, 2, 1]);
    Ok(())
}

/// The producers add numbers to the frontier. Consumers add items to the queue: see `consumers_that_send`.
#[tokio::test(start_paused = true)]
async fn producer_consumer() -> Result<()> {
    let (frontier, numbers) = Source::frontier(Table::of(&[8]));
    let produce = move |number, queue: QueueSender<u64>| {
        let frontier = frontier.clone();
        async move { Ok(queue.send(halve(number, frontier).await?).await?) }
    };
    let square = |number: u64| async move { anyhow::Ok(number * number) };
    let squares = ProducerConsumer::producers(4, produce).consumers(1, square);
    assert_eq!(squares.run(numbers).collect().await?, [64, 16, 4, 1]);
    Ok(())
}
