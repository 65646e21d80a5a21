//! The document's benchmark, held against the least that the document gives asyncio and Go.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use towpath_fanout::{Fanout, PatternExt};

async fn io_task(_number: u32) -> anyhow::Result<()> {
    sleep(Duration::from_millis(1)).await;
    Ok(())
}

async fn benchmark() -> anyhow::Result<Duration> {
    let began = Instant::now();
    Fanout::new(10_000, io_task).run(0..10_000).collect().await?;
    Ok(began.elapsed())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut best = benchmark().await?;
    for _ in 0..4 {
        best = best.min(benchmark().await?);
    }
    for (figure, language) in [(2.0, "asyncio"), (0.5, "Go")] {
        let than = if best.as_secs_f64() < figure { "less than" } else { "no less than" };
        println!("10,000 tasks took {than} the document's {figure} s for {language}");
    }
    Ok(())
}
