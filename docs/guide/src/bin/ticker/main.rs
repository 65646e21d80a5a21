//! Work at a steady beat: what the work takes is not added to the time between two beats.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

const SECOND: Duration = Duration::from_millis(10);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let period = 6 * SECOND;
    let began = Instant::now();
    let mut ticker = interval_at(began + period, period);
    ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for count in 1..=5 {
        ticker.tick().await;
        println!("tick {count}");
        sleep(4 * SECOND).await; // the work
    }
    if began.elapsed() < 48 * SECOND {
        println!("five beats and the last work: 34 s, not 50");
    }
    Ok(())
}
