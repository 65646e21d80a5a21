//! A `timeout` for one future, a scope's deadline for a run, and a task that completes in time.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use towpath_fanout::{Cancelled, Cause, Fanout, PatternExt, Scope};

const SECOND: Duration = Duration::from_millis(10);

async fn task(delay: Duration) -> &'static str {
    sleep(delay).await;
    "Done"
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match timeout(5 * SECOND, task(50 * SECOND)).await {
        Ok(done) => println!("One call: {done}"),
        Err(_elapsed) => println!("One call: Timeout!"),
    }

    let scope = Scope::new("request").with_timeout(5 * SECOND);
    let tasks = Fanout::new(8, |delay| async move { Ok(task(delay).await) });
    match tasks.run_in(&scope, [50 * SECOND]).collect().await {
        Ok(done) => println!("A block: {done:?}"),
        Err(failure) => match failure.cause() {
            Cause::Cancelled(Cancelled::Deadline) => println!("A block: Timeout!"),
            _ => return Err(failure.into()),
        },
    }

    println!("In time: {}", timeout(50 * SECOND, task(SECOND)).await?);
    Ok(())
}
