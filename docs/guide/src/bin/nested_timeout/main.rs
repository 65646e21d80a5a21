//! A time limit for each step within a limit for the request. The earlier limit ends the step.

use std::time::Duration;

use tokio::time::sleep;
use towpath_pattern::Scope;

const SECOND: Duration = Duration::from_millis(10);

async fn step(request: &Scope, name: &'static str, limit: Duration, takes: Duration) {
    let scope = request.with_timeout(limit);
    scope.spawn(name, async move {
        sleep(takes).await;
        println!("{name}: done");
        Ok(())
    });
    if scope.wait().await.is_err() {
        let whose = if scope.deadline() == request.deadline() {
            "the time of the request"
        } else {
            "its own time"
        };
        println!("{name}: {whose} is up");
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let request = Scope::new("request").with_timeout(40 * SECOND);
    step(&request, "cache", 3 * SECOND, 100 * SECOND).await;
    step(&request, "index", 20 * SECOND, 2 * SECOND).await;
    step(&request, "archive", 100 * SECOND, 200 * SECOND).await;
    Ok(())
}
