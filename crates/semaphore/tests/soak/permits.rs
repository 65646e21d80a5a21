//! The soak of a semaphore alone: tasks acquire permits in all ways and cancel waits, and the total grows. The held
//! permits never exceed the total, and at the end all permits are free.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use fastrand::Rng;
use tokio::task::yield_now;
use towpath_pattern::anyhow::{self, ensure};
use towpath_semaphore::{Semaphore, TryAcquireError};
use towpath_testkit::until_poll;

/// The number of held permits, counted by the tasks that hold the permits.
#[derive(Default)]
struct Held(AtomicUsize);

impl Held {
    /// Holds `count` permits for a moment.
    async fn hold(&self, semaphore: &Semaphore, count: u32, rng: &mut Rng) -> anyhow::Result<()> {
        let held = self.0.fetch_add(count as usize, SeqCst) + count as usize;
        let free = semaphore.available_permits();
        // The total is read last, because the total only grows, and may grow between the reads.
        let all = semaphore.total_permits();
        ensure!(held <= all, "{held} permits are held, and there are {all}");
        ensure!(free <= all, "{free} permits are free, and there are {all}");
        match rng.u32(..4) {
            0 => yield_now().await,
            1 if rng.u32(..10) == 0 => tokio::time::sleep(Duration::from_micros(100)).await,
            _ => {}
        }
        self.0.fetch_sub(count as usize, SeqCst);
        Ok(())
    }
}

/// Chooses the permits and the tasks by `seed`. Returns the number of calls without the cancelled calls and the calls
/// after a close.
pub async fn soak(seed: u64) -> anyhow::Result<u64> {
    let mut rng = Rng::with_seed(seed);
    let permits = rng.usize(..10);
    let semaphore = Semaphore::new(permits);
    let held = Arc::new(Held::default());
    let most = 10;
    let tasks: Vec<_> = (0..rng.usize(1..20))
        .map(|_| {
            let (semaphore, held, mut rng) = (semaphore.clone(), Arc::clone(&held), rng.fork());
            tokio::spawn(async move { acquire(&semaphore, &held, most, &mut rng).await })
        })
        .collect();

    // The total grows to `most`, so that no call waits forever.
    let mut more = most as usize - permits;
    while more > 0 {
        let some = rng.usize(1..=more);
        semaphore.add_permits(some);
        more -= some;
        yield_now().await;
    }
    let closes = rng.u32(..5) == 0;
    if closes {
        for _ in 0..rng.usize(..50) {
            yield_now().await;
        }
        semaphore.close();
    }
    let mut acquired = 0;
    for task in tasks {
        acquired += task.await??;
    }
    let free = semaphore.available_permits();
    ensure!(free == most as usize, "all tasks have completed, and {free} of {most} permits are free");
    if !closes {
        let all = semaphore.try_acquire_many(most)?;
        let none = semaphore.try_acquire().err();
        ensure!(none == Some(TryAcquireError::NoPermits), "all permits are held, and one more was acquired");
        drop(all);
    }
    Ok(acquired)
}

async fn acquire(semaphore: &Semaphore, held: &Held, most: u32, rng: &mut Rng) -> anyhow::Result<u64> {
    let mut acquired = 0;
    for _ in 0..rng.usize(..50) {
        let count = if rng.u32(..4) == 0 { rng.u32(..=most) } else { 1 };
        match rng.u32(..4) {
            0 => match semaphore.try_acquire_many(count) {
                Ok(_permit) => held.hold(semaphore, count, rng).await?,
                Err(TryAcquireError::NoPermits) => yield_now().await,
                Err(TryAcquireError::Closed) => break,
            },
            1 => match until_poll(rng.usize(1..4), semaphore.acquire_many(count)).await {
                Some(Ok(_permit)) => held.hold(semaphore, count, rng).await?,
                Some(Err(_)) => break,
                None => continue,
            },
            2 => {
                let Ok(_permit) = semaphore.acquire_many_owned(count).await else { break };
                held.hold(semaphore, count, rng).await?;
            }
            _ => {
                let Ok(_permit) = semaphore.acquire_many(count).await else { break };
                held.hold(semaphore, count, rng).await?;
            }
        }
        acquired += 1;
    }
    Ok(acquired)
}
