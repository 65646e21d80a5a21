//! The uniform benchmark of `cargo xtask bench`.

use std::process::ExitCode;

use subject::OneStage;
use towpath_pipeline::{PatternExt, Pipeline};
use towpath_testkit::Benchmark;

#[path = "../tests/subject/mod.rs"]
mod subject;

fn main() -> ExitCode {
    Benchmark::of(OneStage)
        .with("pipeline-cap10", "pipeline", |items| three_stages(items, 10))
        .with("pipeline-cap1024", "pipeline", |items| three_stages(items, 1_024))
        .main()
}

/// Sends all items through three stages that do nothing, one worker each.
async fn three_stages(items: u64, capacity: usize) -> anyhow::Result<u64> {
    let pass = |item: u64| async move { Ok(item) };
    let pipeline = Pipeline::new(1, pass)
        .capacity(capacity)
        .then_stage(1, pass)
        .capacity(capacity)
        .then_stage(1, pass)
        .capacity(capacity);
    let mut run = pipeline.run(0..items);
    let mut sum = 0_u64;
    while let Some(output) = run.next().await {
        sum = sum.wrapping_add(output?);
    }
    Ok(sum)
}
