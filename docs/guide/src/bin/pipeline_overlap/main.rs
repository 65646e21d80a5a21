//! Awaits in a loop are Python's form, a `Pipeline` is Go's.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use towpath_pipeline::{PatternExt, Pipeline};

const SECOND: Duration = Duration::from_millis(10);

async fn double(data: u64) -> anyhow::Result<u64> {
    sleep(4 * SECOND).await;
    Ok(data * 2)
}

async fn add_ten(data: u64) -> anyhow::Result<u64> {
    sleep(4 * SECOND).await;
    Ok(data + 10)
}

async fn square(data: u64) -> anyhow::Result<u64> {
    sleep(4 * SECOND).await;
    Ok(data * data)
}

fn tell(name: &str, results: &[u64], took: Duration) {
    println!("{name}: {}", results.iter().map(u64::to_string).collect::<Vec<_>>().join(" "));
    if took < 15 * 4 * SECOND {
        println!("Less than the time of 15 steps: the stages overlap");
    } else {
        println!("The time of all 15 steps: one item after another");
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let began = Instant::now();
    let mut results = Vec::new();
    for item in 1..=5 {
        results.push(square(add_ten(double(item).await?).await?).await?);
    }
    tell("Awaits in a loop", &results, began.elapsed());

    let began = Instant::now();
    let pipeline = Pipeline::new(1, double).then_stage(1, add_ten).then_stage(1, square);
    let results = pipeline.run(1..=5).collect().await?;
    tell("Pipeline", &results, began.elapsed());
    Ok(())
}
