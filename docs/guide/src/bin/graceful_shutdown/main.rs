//! After SIGINT the program takes no new requests and completes the started requests.

use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval, sleep};
use towpath_pattern::Scope;

const SECOND: Duration = Duration::from_millis(10);

async fn handle(number: u32) -> anyhow::Result<()> {
    println!("request {number} begins");
    if number == 3 {
        kill_process(getpid(), Signal::INT)?; // simulates Ctrl-C
    }
    sleep(100 * SECOND).await;
    println!("finished: request {number}");
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let requests = Scope::new("requests");
    let mut arrivals = interval(20 * SECOND);
    // `Burst`, the default, could start several late requests before the signal arrives.
    arrivals.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut number = 0;
    loop {
        tokio::select! {
            biased; // polls the signal first
            _ = interrupt.recv() => break,
            _ = arrivals.tick() => {
                number += 1;
                requests.spawn("request", handle(number));
            }
        }
    }
    println!("no new requests");
    requests.wait().await?;
    println!("shut down");
    Ok(())
}
