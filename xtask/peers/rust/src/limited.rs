//! Jobs without work under a limit for each key, a rate, or weights. Each job acquires the limit itself.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use governor::{Quota, RateLimiter};
use tokio::sync::{Mutex as AsyncMutex, Semaphore, mpsc};
use tower::limit::ConcurrencyLimit;
use tower::{Service, ServiceExt, service_fn};

use crate::fanout_noop::noop;
use crate::in_one_task;
use crate::protocol::Outcome;
use crate::times::Times;

const AT_ONCE: usize = 16;
const KEYS: u64 = 1_000;
const PER_SECOND: u32 = 1_000;
const BURST: u32 = 10;
const PERMITS: usize = 32;

/// A task for each job, at most `AT_ONCE` at the same time, and a lock of tokio for each key.
#[tokio::main]
pub async fn keys_in_tasks(items: u32) -> Outcome {
    let start = Instant::now();
    let locks = Arc::new(Mutex::new(HashMap::<u64, Arc<AsyncMutex<()>>>::new()));
    let sum = in_tasks(items, move |item| {
        let lock = Arc::clone(locks.lock().unwrap().entry(item % KEYS).or_default());
        async move {
            let _turn = lock.lock().await;
            noop(item).await
        }
    });
    Outcome::timed(sum.await, start.elapsed())
}

/// All jobs in one task, and a `ConcurrencyLimit` of tower for each key.
#[tokio::main]
pub async fn keys_of_tower(items: u32) -> Outcome {
    let start = Instant::now();
    let service = || ConcurrencyLimit::new(service_fn(async |item| Ok::<_, ()>(noop(item).await)), 1);
    let services: Vec<_> = (0..KEYS).map(|_| service()).collect();
    let call = |item: u64| {
        let mut service = services[usize::try_from(item % KEYS).unwrap()].clone();
        async move { service.ready().await.unwrap().call(item).await.unwrap() }
    };
    let sum = in_one_task::buffer_unordered(items, AT_ONCE, call).await;
    Outcome::timed(sum, start.elapsed())
}

/// A task for each job, at most `AT_ONCE` at the same time, and a semaphore of tokio with the weights.
#[tokio::main]
pub async fn weights_in_tasks(items: u32) -> Outcome {
    let start = Instant::now();
    let permits = Arc::new(Semaphore::new(PERMITS));
    let sum = in_tasks(items, move |item| {
        let permits = Arc::clone(&permits);
        async move {
            let _permit = permits.acquire_many(u32::try_from(item % 8).unwrap() + 1).await.unwrap();
            noop(item).await
        }
    });
    Outcome::timed(sum.await, start.elapsed())
}

async fn in_tasks<F: Future<Output = u64> + Send + 'static>(items: u32, job: impl Fn(u64) -> F) -> u64 {
    let (outputs, mut taken) = mpsc::channel(1_024);
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let receiver = tokio::spawn(async move {
        let mut sum = 0_u64;
        while let Some(output) = taken.recv().await {
            sum += output;
        }
        sum
    });
    for item in 0..items.into() {
        let slot = Arc::clone(&slots).acquire_owned().await.unwrap();
        let (outputs, job) = (outputs.clone(), job(item));
        tokio::spawn(async move {
            let output = job.await;
            drop(slot);
            outputs.send(output).await.unwrap();
        });
    }
    drop(outputs);
    receiver.await.unwrap()
}

/// All jobs in one task, and a limiter of governor in the job.
#[tokio::main]
pub async fn rate_of_governor(items: u32) -> Outcome {
    let begin = Instant::now();
    let quota =
        Quota::per_second(NonZeroU32::new(PER_SECOND).unwrap()).allow_burst(NonZeroU32::new(BURST).unwrap());
    let limiter = RateLimiter::direct(quota);
    let job = |item: u64| {
        let limiter = &limiter;
        async move {
            limiter.until_ready().await;
            (item, Instant::now())
        }
    };
    let outputs = stream::iter(0..items.into()).map(job).buffer_unordered(AT_ONCE).collect::<Vec<_>>();
    let (numbers, mut starts): (Vec<u64>, Vec<Instant>) = outputs.await.into_iter().unzip();
    let took = begin.elapsed();
    starts.sort_unstable();
    let mut late = Times::new();
    for (beyond, start) in (1..).map(|number: u32| number.saturating_sub(BURST)).zip(starts) {
        late.record(start.saturating_duration_since(begin + Duration::from_secs(1) / PER_SECOND * beyond));
    }
    Outcome::timed(numbers.into_iter().sum(), took).with_times(&late)
}
