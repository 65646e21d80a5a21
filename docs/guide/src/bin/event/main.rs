//! Three guests wait for the door to open. A later guest does not wait.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use towpath_pattern::Scope;

const SECOND: Duration = Duration::from_millis(10);

async fn visit(mut door: watch::Receiver<bool>, guest: &str) -> anyhow::Result<()> {
    door.wait_for(|open| *open).await?;
    println!("{guest} goes in");
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (door, seen) = watch::channel(false);
    let guests = Scope::new("guests");
    for _ in 0..3 {
        guests.spawn("guest", visit(seen.clone(), "a guest"));
    }
    sleep(5 * SECOND).await;
    println!("the door opens");
    door.send_replace(true);
    guests.wait().await?;
    println!("all are in");
    visit(seen, "a late one").await
}
