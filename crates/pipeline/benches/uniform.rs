//! The uniform benchmark of `cargo xtask bench`.

use std::process::ExitCode;

use towpath_benchkit::{Benchmark, short_hash};
use towpath_pipeline::{Pattern, PatternExt, Pipeline};

#[path = "../tests/subject/mod.rs"]
mod subject;

fn main() -> ExitCode {
    Benchmark::new("pipeline", subject::pipeline())
        .with("pipeline-cap10", "pipeline", |items| sum(three_stages(1, 10), 0..items))
        .with("pipeline-cap1024", "pipeline", |items| sum(three_stages(1, 1_024), 0..items))
        .with("pipeline-limit16", "pipeline", |items| sum(three_stages(16, 10), 0..items))
        .with("pipeline-1us", "pipeline, limit 1", |items| sum(three_hashes(1), 0..items))
        .with("pipeline-1us", "pipeline, limit 2", |items| sum(three_hashes(2), 0..items))
        .path("pipeline of three stages", |items| sum(three_stages(1, 10), (0..items).map(|_| 1)))
        .main()
}

/// Returns three stages that do nothing, with a limit of `limit` each.
fn three_stages(limit: usize, capacity: usize) -> impl Pattern<u64, Out = u64> {
    let pass = |item: u64| async move { Ok(item) };
    Pipeline::new(limit, pass)
        .capacity(capacity)
        .then_stage(limit, pass)
        .capacity(capacity)
        .then_stage(limit, pass)
        .capacity(capacity)
}

/// Returns three stages that hash for 1 µs, with a limit of `limit` each.
fn three_hashes(limit: usize) -> impl Pattern<u64, Out = u64> {
    let hash = |item: u64| async move { Ok(short_hash(item)) };
    Pipeline::new(limit, hash)
        .capacity(10)
        .then_stage(limit, hash)
        .capacity(10)
        .then_stage(limit, hash)
        .capacity(10)
}

/// Returns the sum of the outputs of `pipeline`.
async fn sum(
    pipeline: impl Pattern<u64, Out = u64>,
    items: impl Iterator<Item = u64> + Send + 'static,
) -> anyhow::Result<u64> {
    let mut run = pipeline.run(items);
    let mut sum = 0_u64;
    while let Some(output) = run.next().await {
        sum = sum.wrapping_add(output?);
    }
    Ok(sum)
}
