//! asyncio's `create_task`, Go's `go` and `WaitGroup`: two tasks in a scope, and a wait until both are done.

use std::time::Duration;

use tokio::time::sleep;
use towpath_pattern::{Failure, Scope};

async fn hello(name: &str) -> anyhow::Result<()> {
    println!("Hello, {name}");
    sleep(Duration::from_millis(50)).await;
    println!("World of {name}");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let scope = Scope::new("main");
    scope.spawn("first", hello("first"));
    scope.spawn("second", hello("second"));
    println!("both are started");
    scope.wait().await // nothing of them is left, and their failure, had there been one, is here
}
