//! The uniform benchmark of `cargo xtask bench`.

use std::process::ExitCode;

use tokio::task::JoinSet;
use towpath_benchkit::Benchmark;
use towpath_semaphore::Semaphore;

#[path = "../tests/subject/mod.rs"]
mod subject;

const TASKS: u64 = 100;
const PERMITS: usize = 3;

fn main() -> ExitCode {
    Benchmark::new("semaphore", subject::semaphore())
        .with("semaphore", "semaphore", share)
        .path("semaphore: a permit", permits)
        .path("semaphore: a permit waited for", permits_waited_for)
        .main()
}

/// Acquires a permit `items` times in all, in tasks that share the permits.
async fn share(items: u64) -> anyhow::Result<u64> {
    let semaphore = Semaphore::new(PERMITS);
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let semaphore = semaphore.clone();
        let share = items / TASKS + u64::from(task < items % TASKS);
        tasks.spawn(async move {
            let mut acquired = 0;
            for _ in 0..share {
                let _permit = semaphore.acquire().await?;
                acquired += 1;
            }
            anyhow::Ok(acquired)
        });
    }
    let mut acquired = 0;
    while let Some(task) = tasks.join_next().await {
        acquired += task??;
    }
    Ok(acquired)
}

/// Acquires and releases the only permit, without contention.
async fn permits(items: u64) -> anyhow::Result<u64> {
    let semaphore = Semaphore::new(1);
    let mut acquired = 0;
    while acquired < items {
        let _permit = semaphore.acquire().await?;
        acquired += 1;
    }
    Ok(acquired)
}

/// Acquires the only permit in two tasks in turn: each task waits for the other task.
async fn permits_waited_for(items: u64) -> anyhow::Result<u64> {
    let semaphore = Semaphore::new(1);
    let acquire = |times: u64| {
        let semaphore = semaphore.clone();
        async move {
            for _ in 0..times {
                let _permit = semaphore.acquire().await?;
                tokio::task::yield_now().await;
            }
            anyhow::Ok(times)
        }
    };
    let other = tokio::spawn(acquire(items / 2));
    let mine = acquire(items - items / 2).await?;
    Ok(mine + other.await??)
}
