//! Ten jobs run at once. Their results are in the order of the input.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use towpath_fanout::{Fanout, PatternExt};

const SECOND: Duration = Duration::from_millis(10);

async fn worker(job: u64) -> u64 {
    sleep(4 * SECOND).await;
    job * 2
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let began = Instant::now();
    let fan_out = Fanout::new(10, |job| async move { Ok(worker(job).await) });
    let results = fan_out.ordered().run(0..10).collect().await?;
    let at_once = began.elapsed();
    println!("{}", results.iter().map(u64::to_string).collect::<Vec<_>>().join(" "));

    let began = Instant::now();
    let mut again = Vec::new();
    for job in 0..10 {
        again.push(worker(job).await);
    }
    if again == results {
        println!("One after another: the same results");
    }
    if began.elapsed() > 2 * at_once {
        println!("At once: less than half the time");
    }
    Ok(())
}
