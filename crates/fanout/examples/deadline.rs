//! Go's `context.WithTimeout`, asyncio's `timeout`: at the deadline, the jobs that run are stopped and not left behind.

use std::time::Duration;

use towpath_fanout::{Cancelled, Cause, Fanout, PatternExt, Scope};

#[tokio::main]
async fn main() {
    let scope = Scope::new("request").with_timeout(Duration::from_millis(50));
    let slow = Fanout::new(8, |seconds: u64| async move {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        Ok(seconds)
    });
    let failure = slow.run_in(&scope, [0, 0, 3_600]).collect().await.expect_err("an hour is too long");
    assert!(matches!(failure.cause(), Cause::Cancelled(Cancelled::Deadline)));
    println!("{failure:#}");
    scope.wait().await.expect("every failure was reported");
}
