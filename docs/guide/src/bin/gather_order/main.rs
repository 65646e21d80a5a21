//! `ordered` yields outputs in the order of the input, as `gather` does.
//! The default is the order of completion, as with a channel.

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
    let input = [("Task 1", 5 * SECOND), ("Task 2", 35 * SECOND), ("Task 3", 20 * SECOND)];

    let ordered = tasks.clone().ordered().run(input).collect().await?;
    println!("Fanout::ordered: {}", ordered.join(", "));
    let as_completed = tasks.run(input).collect().await?;
    println!("Fanout: {}", as_completed.join(", "));
    Ok(())
}
