//! One word decides: `ordered` is `gather`; without it, outputs come as the channel has them.

use std::time::Duration;

use tokio::time::sleep;
use towpath_fanout::{Fanout, PatternExt};

const SECOND: Duration = Duration::from_millis(10);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let tasks = Fanout::new(3, |(name, delay): (&'static str, Duration)| async move {
        sleep(delay).await;
        Ok(name)
    });
    let input = [("Task 1", 4 * SECOND), ("Task 2", 8 * SECOND), ("Task 3", 6 * SECOND)];

    let ordered = tasks.clone().ordered().run(input).collect().await?;
    println!("Fanout::ordered: {}", ordered.join(", "));
    let as_completed = tasks.run(input).collect().await?;
    println!("Fanout: {}", as_completed.join(", "));
    Ok(())
}
