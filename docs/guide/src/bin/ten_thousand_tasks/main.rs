//! Ten thousand concurrent jobs of 1 ms each, compared with a thousand sequential awaits.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use towpath_fanout::{Fanout, PatternExt};

const SECOND: Duration = Duration::from_millis(10);

async fn io_task() -> u64 {
    sleep(SECOND / 10).await;
    1
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let began = Instant::now();
    let tasks = Fanout::new(10_000, |_number: u64| async move { Ok(io_task().await) });
    let done = tasks.run(0..10_000).collect().await?;
    let at_once = began.elapsed();
    println!("{} tasks at once", done.iter().sum::<u64>());

    let began = Instant::now();
    for _ in 0..1_000 {
        io_task().await;
    }
    let thousand = began.elapsed();
    println!("1000 one after another");
    if at_once < 5 * thousand {
        println!("Ten times as many took less than five times as long");
    }
    Ok(())
}
