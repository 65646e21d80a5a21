//! A task group: the first failure stops the other tasks, and the group waits for all tasks.

use std::mem;
use std::time::Duration;

use tokio::time::sleep;
use towpath_pattern::Scope;

const SECOND: Duration = Duration::from_millis(10);

struct Stopped<'a>(&'a str);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        println!("{} was stopped", self.0);
    }
}

async fn load(table: &str, takes: Duration) -> anyhow::Result<()> {
    let stopped = Stopped(table);
    sleep(takes).await;
    mem::forget(stopped); // this task was not stopped
    anyhow::ensure!(table != "prices", "no such table");
    println!("{table} loaded");
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let group = Scope::new("group");
    group.spawn("users", load("users", 2 * SECOND));
    group.spawn("prices", load("prices", 20 * SECOND));
    group.spawn("orders", load("orders", 200 * SECOND));
    if let Err(failure) = group.wait().await {
        println!("{} failed: {:#}", failure.stage(), failure.cause());
    }
    Ok(())
}
