//! A task group: the first failure stops the others, and the group waits for all of them.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use towpath_pattern::Scope;

const SECOND: Duration = Duration::from_millis(10);

async fn load(table: &str, takes: Duration) -> anyhow::Result<()> {
    sleep(takes).await;
    anyhow::ensure!(table != "prices", "no such table");
    println!("{table} loaded");
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let began = Instant::now();
    let group = Scope::new("group");
    group.spawn("users", load("users", 2 * SECOND));
    group.spawn("prices", load("prices", 20 * SECOND));
    group.spawn("orders", load("orders", 200 * SECOND));
    if let Err(failure) = group.closed().await {
        println!("{} failed: {}", failure.stage(), failure.cause());
    }
    if began.elapsed() < 100 * SECOND {
        println!("orders was stopped, not waited for");
    }
    Ok(())
}
