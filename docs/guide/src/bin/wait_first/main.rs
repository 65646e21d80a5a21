//! Requests one file from three mirrors. The first answer cancels the other requests.

use std::time::Duration;

use tokio::time::sleep;
use towpath_fanout::{Fanout, PatternExt};

const SECOND: Duration = Duration::from_millis(10);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let ask = Fanout::new(3, |(mirror, seconds): (&'static str, u32)| async move {
        sleep(seconds * SECOND).await;
        Ok(format!("the file, from mirror {mirror}"))
    });
    let mut answers = ask.run([("A", 60), ("B", 2), ("C", 30)]);
    if let Some(first) = answers.next().await {
        println!("{}", first?);
    }

    answers.cancel();
    let report = answers.finish().await;
    println!("{} others were stopped", report.last().cancelled);
    Ok(())
}
