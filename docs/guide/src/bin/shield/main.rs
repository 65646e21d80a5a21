//! A request times out. The save that the request has started is not cancelled.

use std::time::Duration;

use tokio::time::{sleep, timeout};

const SECOND: Duration = Duration::from_millis(10);

async fn save(rows: u32) -> u32 {
    sleep(20 * SECOND).await;
    println!("the saving is done");
    rows
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut saving = tokio::spawn(save(3));
    if let Ok(rows) = timeout(2 * SECOND, &mut saving).await {
        println!("saved in time: {} rows", rows?);
        return Ok(());
    }
    println!("the request is out of time");
    println!("saved all the same: {} rows", saving.await?);
    Ok(())
}
