//! A semaphore by itself, whose permits are acquired in every way there is, given up, and made more: never more are
//! held than there are, and at the end all are free.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use fastrand::Rng;
use tokio::task::yield_now;
use towpath_pattern::anyhow::{self, ensure};
use towpath_semaphore::{Semaphore, TryAcquireError};
use towpath_testkit::until_poll;

/// The permits that are held, as those who hold them see it.
#[derive(Default)]
struct Held(AtomicUsize);

impl Held {
    /// Holds `count` of them for a moment.
    async fn hold(&self, semaphore: &Semaphore, count: u32, rng: &mut Rng) -> anyhow::Result<()> {
        let held = self.0.fetch_add(count as usize, SeqCst) + count as usize;
        let free = semaphore.available_permits();
        // Read last: there are never fewer than before, and somebody may add some.
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

/// Chooses permits and who wants them by `seed`, and says how often some were acquired.
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

    // So many that nobody waits for ever.
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
    ensure!(free == most as usize, "all is over, and {free} of {most} permits are free");
    if !closes {
        let all = semaphore.try_acquire_many(most)?;
        let none = semaphore.try_acquire().err();
        ensure!(none == Some(TryAcquireError::NoPermits), "all are held, and one more was to be had");
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
