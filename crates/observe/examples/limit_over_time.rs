//! The limits of both algorithms over time, at a simulated server whose best limit is known and doubles after a minute.
//!
//! Prints a line for every change of a limit, and a line for every change of the server: a name, the time in
//! milliseconds, and the limit. `cargo xtask plot` draws the lines. The clock is tokio's paused clock, so the lines are
//! always the same.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use towpath_observe::Adaptive;

#[path = "../tests/observers/server.rs"]
#[allow(dead_code, reason = "the tests use the whole server")]
mod server;

use server::{Server, limits};

const SLOTS: usize = 10;
const MINUTE: Duration = Duration::from_secs(60);
/// 100 requests a second in the first minute, and 200 in the second minute.
const REQUESTS: u64 = 18_500;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    print("best", Duration::ZERO, SLOTS);
    print("best", MINUTE, 2 * SLOTS);
    let threshold = Duration::from_millis(112);
    let aimd = Adaptive::aimd(1..=64).latency_threshold(threshold);
    for (name, limit) in [("aimd", aimd), ("gradient", Adaptive::gradient(1..=64))] {
        let server = Arc::new(Server::new(SLOTS));
        let doubled = async {
            sleep(MINUTE).await;
            server.slots.add_permits(SLOTS);
        };
        let (seen, ()) = tokio::join!(limits(&limit, Arc::clone(&server), REQUESTS), doubled);
        let mut last = 0;
        for (time, limit) in seen.into_iter().filter(|(time, _)| *time < 2 * MINUTE) {
            if limit != last {
                print(name, time, limit);
            }
            last = limit;
        }
    }
}

fn print(name: &str, time: Duration, limit: usize) {
    println!("{name}\t{}\t{limit}", time.as_millis());
}
