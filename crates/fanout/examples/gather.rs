//! asyncio's `gather`: three tasks at once, and the results in the order of the arguments.

use std::time::Duration;

use towpath_fanout::{Failure, Fanout, PatternExt};

async fn task(name: &str, delay: Duration) -> String {
    println!("{name} started");
    tokio::time::sleep(delay).await;
    println!("{name} completed");
    format!("Result from {name}")
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let gather =
        Fanout::new(3, |(name, millis)| async move { Ok(task(name, Duration::from_millis(millis)).await) });
    let results = gather.ordered().run([("Task 1", 50), ("Task 2", 100), ("Task 3", 75)]).collect().await?;
    assert_eq!(results, ["Result from Task 1", "Result from Task 2", "Result from Task 3"]);
    println!("{results:?}");
    Ok(())
}
