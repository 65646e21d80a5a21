//! Three jobs at once. `ordered` yields their results in the order of the input.

use std::time::Duration;

use tokio::time::sleep;
use towpath_fanout::{Fanout, PatternExt};

const SECOND: Duration = Duration::from_millis(10);

async fn task(name: &str, delay: Duration) -> String {
    println!("Started: {name}");
    sleep(delay).await;
    println!("Completed: {name}");
    format!("Result from {name}")
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let gather = Fanout::new(3, |(name, delay)| async move { Ok(task(name, delay).await) });
    let tasks = [("Task 1", 10 * SECOND), ("Task 2", 50 * SECOND), ("Task 3", 30 * SECOND)];
    let results = gather.ordered().run(tasks).collect().await?;
    println!("{}", results.join(", "));
    Ok(())
}
