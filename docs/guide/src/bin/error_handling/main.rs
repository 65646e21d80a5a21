//! One of three jobs fails: the failure cancels the others, or the others complete.

use std::time::Duration;

use anyhow::ensure;
use tokio::time::sleep;
use towpath_fanout::{Fanout, OnFailure, PatternExt};

const SECOND: Duration = Duration::from_millis(10);

async fn job(number: u32) -> anyhow::Result<String> {
    sleep(20 * number * SECOND).await;
    ensure!(number != 2, "job {number} has failed");
    Ok(format!("job {number} is done"))
}

#[tokio::main]
async fn main() {
    let jobs = Fanout::new(3, job);

    let mut run = jobs.clone().run(1..=3);
    while let Some(outcome) = run.next().await {
        if let Err(failure) = outcome {
            println!("Stopped: {:#}", failure.cause());
        }
    }
    println!("Cancelled with it: {}", run.finish().await.last().cancelled);

    let mut run = jobs.ordered().on_failure(OnFailure::Continue).run(1..=3);
    while let Some(outcome) = run.next().await {
        match outcome {
            Ok(result) => println!("Result: {result}"),
            Err(failure) => println!("Error: {:#}", failure.cause()),
        }
    }
}
