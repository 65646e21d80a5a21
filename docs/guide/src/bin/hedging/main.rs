//! Sends a second request if the first is slow. The first answer cancels the other request.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{sleep, timeout};

const SECOND: Duration = Duration::from_millis(10);

async fn ask(replica: &str, takes: Duration) -> String {
    println!("asking {replica}");
    sleep(takes).await;
    format!("answer of {replica}")
}

async fn hedged(
    first: impl Future<Output = String>,
    second: impl Future<Output = String>,
) -> String {
    let mut first = pin!(first);
    if let Ok(answer) = timeout(20 * SECOND, &mut first).await {
        return answer;
    }
    tokio::select! {
        answer = first => answer,
        answer = second => answer,
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    println!("{}", hedged(ask("A", 2 * SECOND), ask("B", 2 * SECOND)).await);
    println!("{}", hedged(ask("C", 100 * SECOND), ask("D", 2 * SECOND)).await);
    Ok(())
}
