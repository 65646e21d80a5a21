//! A generator as the source of items.
//! The task that takes items polls the generator. Dropping the source drops the generator.

use std::time::Duration;

use tokio::time::sleep;
use towpath_pattern::Source;

const SECOND: Duration = Duration::from_millis(10);

struct Closed;

impl Drop for Closed {
    fn drop(&mut self) {
        println!("The generator is closed");
    }
}

fn numbers(n: u64) -> Source<u64> {
    Source::generate(move |out| async move {
        let _closed = Closed;
        for i in 1..=n {
            sleep(SECOND / 2).await;
            out.send(i).await;
        }
    })
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut few = numbers(3);
    while let Some(i) = few.next().await {
        println!("Got: {}", i?);
    }
    let mut endless = numbers(1_000_000);
    if let Some(i) = endless.next().await {
        println!("Got: {}, enough", i?);
    }
    Ok(())
}
