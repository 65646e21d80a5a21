//! Every call of a request knows the user. Each spawned task must get the user explicitly.

use std::time::Duration;

use tokio::time::sleep;
use towpath_pattern::{Failure, Scope};

const SECOND: Duration = Duration::from_millis(10);

tokio::task_local! {
    static USER: &'static str;
}

fn user() -> &'static str {
    USER.try_get().unwrap_or("nobody")
}

async fn query(table: &str) -> anyhow::Result<()> {
    sleep(SECOND).await;
    println!("[{}] reads {table}", user());
    Ok(())
}

async fn handle() -> Result<(), Failure> {
    let group = Scope::new("queries");
    group.spawn("users", USER.scope(user(), query("users")));
    group.spawn("orders", USER.scope(user(), query("orders")));
    group.wait().await
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tokio::try_join!(USER.scope("ada", handle()), USER.scope("bob", handle()))?;
    println!("outside: {}", user());
    Ok(())
}
