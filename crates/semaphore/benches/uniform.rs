//! The uniform benchmark of `cargo xtask bench`.

use std::process::ExitCode;

use subject::AsCompleted;
use tokio::task::JoinSet;
use towpath_semaphore::Semaphore;
use towpath_testkit::Benchmark;

#[path = "../tests/subject/mod.rs"]
mod subject;

const TASKS: u64 = 100;
const PERMITS: usize = 3;

fn main() -> ExitCode {
    Benchmark::of(AsCompleted).with("semaphore", "semaphore", share).main()
}

/// Tasks that share the permits, and acquire one `items` times in all.
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
