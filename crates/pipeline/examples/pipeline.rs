//! Three stages in a row, one item at a time: the last stage squares while the first stage doubles.

use std::time::{Duration, Instant};

use towpath_pipeline::{Failure, PatternExt, Pipeline};

/// The time of a stage for an item.
const STEP: Duration = Duration::from_millis(100);

async fn double(data: u64) -> u64 {
    tokio::time::sleep(STEP).await;
    data * 2
}

async fn add_ten(data: u64) -> u64 {
    tokio::time::sleep(STEP).await;
    data + 10
}

async fn square(data: u64) -> u64 {
    tokio::time::sleep(STEP).await;
    data * data
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let pipeline = Pipeline::new(1, |data: u64| async move { Ok(double(data).await) })
        .then_stage(1, |data: u64| async move { Ok(add_ten(data).await) })
        .then_stage(1, |data: u64| async move { Ok(square(data).await) });

    let began = Instant::now();
    let mut results = Vec::new();
    let mut run = pipeline.run([1, 2, 3, 4, 5]);
    while let Some(result) = run.next().await {
        let result = result?;
        println!("Pipeline result: {result}");
        results.push(result);
    }
    let took = began.elapsed();
    assert_eq!(results, [144, 196, 256, 324, 400]);
    println!("{took:.1?}, and {:.1?} without an overlap of the stages", STEP * 15);
    assert!(took < STEP * 15, "the stages did not overlap");
    Ok(())
}
