//! Periodic work: the duration of the work is not added to the period.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

const SECOND: Duration = Duration::from_millis(10);

async fn work() {
    sleep(8 * SECOND).await;
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let period = 10 * SECOND;
    let began = Instant::now();
    let mut ticker = interval_at(began + period, period);
    ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for count in 1..=5 {
        ticker.tick().await;
        println!("tick {count}");
        work().await;
    }
    let steady = began.elapsed();

    let began = Instant::now();
    for _ in 0..5 {
        sleep(period).await;
        work().await;
    }
    if steady < began.elapsed() {
        println!("a sleep before each work takes longer");
    }
    Ok(())
}
