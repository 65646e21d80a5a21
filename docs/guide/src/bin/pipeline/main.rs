//! Three stages, each with its own limit. The first stage doubles while the last squares.

use std::time::Duration;

use tokio::time::sleep;
use towpath_pipeline::{PatternExt, Pipeline};

const SECOND: Duration = Duration::from_millis(10);

async fn double(data: u64) -> anyhow::Result<u64> {
    sleep(SECOND).await;
    Ok(data * 2)
}

async fn add_ten(data: u64) -> anyhow::Result<u64> {
    sleep(SECOND).await;
    Ok(data + 10)
}

async fn square(data: u64) -> anyhow::Result<u64> {
    sleep(SECOND).await;
    Ok(data * data)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let pipeline = Pipeline::new(1, double).then_stage(1, add_ten).then_stage(1, square);
    let mut results = pipeline.run([1, 2, 3, 4, 5]);
    while let Some(result) = results.next().await {
        println!("Pipeline result: {}", result?);
    }
    Ok(())
}
