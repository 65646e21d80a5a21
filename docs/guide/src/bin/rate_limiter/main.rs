//! One request every 6 s, however long they take: a limit of a rate, not of how many run at once.

use std::time::{Duration, Instant};

use anyhow::Context;
use governor::{Quota, RateLimiter};
use tokio::time::sleep;
use towpath_pattern::Scope;

const SECOND: Duration = Duration::from_millis(10);

async fn request(number: u32) -> anyhow::Result<()> {
    sleep(120 * SECOND).await;
    println!("answer {number}");
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let limiter =
        RateLimiter::direct(Quota::with_period(6 * SECOND).context("a period is not zero")?);

    let requests = Scope::new("requests");
    let mut waits = Vec::new();
    for number in 1..=5 {
        let came = Instant::now();
        limiter.until_ready().await;
        waits.push(came.elapsed());
        println!("request {number}");
        requests.spawn("request", request(number));
    }
    let others: Duration = waits[1..].iter().sum();
    if others > 10 * waits[0] {
        println!("the first went at once, the others were held back");
    }
    requests.wait().await?;
    Ok(())
}
