//! Awaits in a loop run one step at a time. The stages of a `Pipeline` run concurrently.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::sleep;
use towpath_pipeline::{PatternExt, Pipeline};

const SECOND: Duration = Duration::from_millis(10);

static RUNNING: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

async fn work() {
    MOST.fetch_max(RUNNING.fetch_add(1, Relaxed) + 1, Relaxed);
    sleep(4 * SECOND).await;
    RUNNING.fetch_sub(1, Relaxed);
}

async fn double(data: u64) -> anyhow::Result<u64> {
    work().await;
    Ok(data * 2)
}

async fn add_ten(data: u64) -> anyhow::Result<u64> {
    work().await;
    Ok(data + 10)
}

async fn square(data: u64) -> anyhow::Result<u64> {
    work().await;
    Ok(data * data)
}

fn tell(name: &str, results: &[u64]) {
    println!("{name}: {}", results.iter().map(u64::to_string).collect::<Vec<_>>().join(" "));
    println!("Most steps at once: {}", MOST.swap(0, Relaxed));
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut results = Vec::new();
    for item in 1..=5 {
        results.push(square(add_ten(double(item).await?).await?).await?);
    }
    tell("Awaits in a loop", &results);

    let pipeline = Pipeline::new(1, double).then_stage(1, add_ten).then_stage(1, square);
    let results = pipeline.run(1..=5).collect().await?;
    tell("Pipeline", &results);
    Ok(())
}
