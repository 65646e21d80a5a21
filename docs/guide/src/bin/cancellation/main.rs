//! A cancelled future is dropped at its await. Its variables clean up in `Drop`, without an await.

use std::time::Duration;

use tokio::time::sleep;
use towpath_fanout::{Fanout, PatternExt, Scope};

const SECOND: Duration = Duration::from_millis(10);

struct CleanUp;

impl Drop for CleanUp {
    fn drop(&mut self) {
        println!("Cleaning up");
    }
}

async fn work() {
    println!("Working");
    let _clean_up = CleanUp;
    sleep(100 * SECOND).await;
    println!("never printed");
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let task = tokio::spawn(work());
    sleep(10 * SECOND).await;
    task.abort();
    if task.await.is_err_and(|error| error.is_cancelled()) {
        println!("The task was cancelled");
    }

    let scope = Scope::new("group");
    let waits = Fanout::new(3, |_number: u32| async move {
        sleep(100 * SECOND).await;
        Ok(())
    });
    let run = waits.run_in(&scope, 0..3);
    sleep(10 * SECOND).await;
    scope.cancel();
    let report = run.finish().await;
    println!("A group: {} of {} were cancelled", report.last().cancelled, report.last().taken);
    Ok(scope.wait().await?)
}
