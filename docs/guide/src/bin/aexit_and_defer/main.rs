//! `Drop` also runs on cancellation, but cannot await.
//! A release of `with_in` can await, and gets the outcome of the job.

use std::time::Duration;

use anyhow::ensure;
use tokio::time::{sleep, timeout};
use towpath_resource::{Resource, Scope, resource_fn, with_in};

const SECOND: Duration = Duration::from_millis(10);

struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        println!("Dropped, without an await");
    }
}

fn resource() -> impl Resource<State = ()> {
    resource_fn(
        || async { Ok(()) },
        |(), after| async move {
            sleep(SECOND).await;
            println!("Released with an await, after {after:?}");
            Ok(())
        },
    )
}

async fn work(seconds: u32, fails: bool) -> anyhow::Result<()> {
    sleep(seconds * SECOND).await;
    ensure!(!fails, "no such row");
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let scope = Scope::new("requests");
    with_in(&scope, resource(), |_held| work(1, false)).await?;
    if let Err(failure) = with_in(&scope, resource(), |_held| work(1, true)).await {
        println!("Error: {:#}", failure.cause());
    }
    let endless = with_in(&scope, resource(), |_held| async {
        let _guard = Guard;
        work(100, false).await
    });
    let result = timeout(5 * SECOND, endless).await;
    scope.wait().await?; // waits for the release
    if result.is_err() {
        println!("Timeout!");
    }
    Ok(())
}
