//! A future does nothing until it is awaited or spawned.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;
use towpath_pattern::Scope;

const SECOND: Duration = Duration::from_millis(10);

async fn hello(name: &str) -> anyhow::Result<()> {
    println!("Hello from {name}");
    sleep(SECOND).await;
    println!("World of {name}");
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    hello("the one awaited").await?;
    let scope = Scope::new("main");
    let (made, is_made) = oneshot::channel();
    scope.spawn("hello", async {
        is_made.await?; // on several threads a task may begin at any time
        hello("the task").await
    });
    println!("The task is made");
    let _ = made.send(());
    Ok(scope.closed().await?)
}
