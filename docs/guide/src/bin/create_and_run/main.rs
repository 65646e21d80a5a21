//! A future runs where it is awaited. A future spawned in a scope runs concurrently.

use std::time::Duration;

use tokio::time::sleep;
use towpath_pattern::Scope;

const SECOND: Duration = Duration::from_millis(10);

async fn hello() -> anyhow::Result<()> {
    println!("Hello");
    sleep(40 * SECOND).await;
    println!("World");
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    hello().await?;
    println!("Now as a task");
    let scope = Scope::new("main");
    scope.spawn("hello", hello());
    sleep(20 * SECOND).await;
    println!("Meanwhile, in main");
    Ok(scope.wait().await?)
}
