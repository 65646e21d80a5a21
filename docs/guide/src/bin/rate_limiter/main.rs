//! One request every 4 s, however long they take: a limit of a rate, not of how many run at once.

use std::time::{Duration, Instant};

use anyhow::Context;
use governor::{Quota, RateLimiter};
use tokio::time::sleep;
use towpath_pattern::Scope;

const SECOND: Duration = Duration::from_millis(10);

async fn request(number: u32) -> anyhow::Result<()> {
    sleep(40 * SECOND).await;
    println!("answer {number}");
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let began = Instant::now();
    let limiter = RateLimiter::direct(Quota::with_period(4 * SECOND).context("a period is not zero")?);

    let requests = Scope::new("requests");
    for number in 1..=5 {
        limiter.until_ready().await;
        println!("request {number}");
        requests.spawn("request", request(number));
    }
    if began.elapsed() > 15 * SECOND {
        println!("the fifth was held back for 16 s");
    }
    requests.closed().await?;
    if began.elapsed() < 120 * SECOND {
        println!("none waited for another's answer");
    }
    Ok(())
}
