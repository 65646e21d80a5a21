//! Each item of a stream is worked on, three at a time; the results come in the order of the items.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use towpath_fanout::{Fanout, PatternExt, Source};

const SECOND: Duration = Duration::from_millis(10);

fn numbers() -> Source<u64> {
    Source::generate(|out| async move {
        for number in 1..=8 {
            out.send(number).await;
        }
    })
}

async fn square(number: u64) -> anyhow::Result<u64> {
    sleep(if number % 2 == 1 { 12 * SECOND } else { 6 * SECOND }).await;
    Ok(number * number)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let began = Instant::now();
    let mut results = Fanout::new(3, square).ordered().run(numbers());
    while let Some(result) = results.next().await {
        println!("{}", result?);
    }
    if began.elapsed() < 56 * SECOND {
        println!("faster than the 72 s of one after another");
    }
    Ok(())
}
