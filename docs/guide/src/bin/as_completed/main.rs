//! Prints results in the order of completion, not in the order of the input.

use std::time::Duration;

use tokio::time::sleep;
use towpath_fanout::{Fanout, PatternExt};

const SECOND: Duration = Duration::from_millis(10);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let fetch = Fanout::new(3, |(page, seconds): (&'static str, u32)| async move {
        sleep(seconds * SECOND).await;
        Ok(format!("page {page} after {seconds} s"))
    });
    let pages = [("A", 45), ("B", 15), ("C", 30)];
    let mut results = fetch.run(pages);
    while let Some(page) = results.next().await {
        println!("{}", page?);
    }
    println!("all {} pages are here", pages.len());
    Ok(())
}
