//! Jobs that wait for a closed semaphore, and the memory of each of them meanwhile.

use std::pin::pin;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::task::JoinQueue;

use crate::in_one_task;
use crate::protocol::{Outcome, memory_kib};

/// A semaphore without permits. Closing the semaphore releases all waiters, as closing a channel does in Go.
struct Gate {
    before: Option<u32>,
    begun: Arc<Semaphore>,
    closed: Arc<Semaphore>,
}

impl Gate {
    fn new() -> Self {
        Self {
            before: memory_kib("VmRSS"),
            begun: Arc::new(Semaphore::new(0)),
            closed: Arc::new(Semaphore::new(0)),
        }
    }

    /// Returns a job that completes with 1 after the gate has opened.
    fn job(&self) -> impl Future<Output = u64> + Send + use<> {
        let (begun, closed) = (self.begun.clone(), self.closed.clone());
        async move {
            begun.add_permits(1);
            u64::from(closed.acquire().await.is_err())
        }
    }

    async fn all_wait(&self, items: u32) {
        self.begun.acquire_many(items).await.unwrap().forget();
    }

    /// Opens the gate. Returns the growth of the memory before, for each item.
    fn open(&self, items: u32) -> Option<f64> {
        let during = memory_kib("VmRSS");
        self.closed.close();
        growth(self.before, during, items)
    }
}

#[tokio::main]
pub async fn spawn(items: u32) -> Outcome {
    let gate = Gate::new();
    let handles: Vec<_> = (0..items).map(|_| tokio::spawn(gate.job())).collect();
    gate.all_wait(items).await;
    let each = gate.open(items);
    let mut released = 0;
    for handle in handles {
        released += handle.await.unwrap();
    }
    Outcome::sized(released, each)
}

#[tokio::main]
pub async fn join_set(items: u32) -> Outcome {
    let gate = Gate::new();
    let jobs: JoinSet<u64> = (0..items).map(|_| gate.job()).collect();
    gate.all_wait(items).await;
    let each = gate.open(items);
    Outcome::sized(jobs.join_all().await.into_iter().sum(), each)
}

#[tokio::main]
pub async fn join_queue(items: u32) -> Outcome {
    let gate = Gate::new();
    let mut jobs = JoinQueue::new();
    for _ in 0..items {
        jobs.spawn(gate.job());
    }
    gate.all_wait(items).await;
    let each = gate.open(items);
    Outcome::sized(jobs.join_all().await.into_iter().sum(), each)
}

#[tokio::main]
pub async fn buffer_unordered(items: u32) -> Outcome {
    let gate = Gate::new();
    polled(items, &gate, in_one_task::buffer_unordered(items, items as usize, |_| gate.job())).await
}

#[tokio::main]
pub async fn futures_buffered(items: u32) -> Outcome {
    let gate = Gate::new();
    polled(items, &gate, in_one_task::futures_buffered(items, items as usize, |_| gate.job())).await
}

#[tokio::main]
pub async fn roughage(items: u32) -> Outcome {
    let gate = Gate::new();
    polled(items, &gate, in_one_task::roughage(items, items as usize, |_| gate.job())).await
}

/// Polls the jobs in this task until all of them wait, and again after the gate is open.
async fn polled(items: u32, gate: &Gate, jobs: impl Future<Output = u64>) -> Outcome {
    let mut jobs = pin!(jobs);
    tokio::select! {
        () = gate.all_wait(items) => {}
        _ = &mut jobs => unreachable!("the gate is closed"),
    }
    let each = gate.open(items);
    Outcome::sized(jobs.await, each)
}

/// Returns the bytes for each item, if the system reported the KiB before and during the wait.
pub fn growth(before: Option<u32>, during: Option<u32>, items: u32) -> Option<f64> {
    let (before, during) = before.zip(during)?;
    Some((f64::from(during) - f64::from(before)) * 1024.0 / f64::from(items))
}
