//! Maps the items of a stream, three at a time. The results are in the order of the items.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::sleep;
use towpath_fanout::{Fanout, PatternExt, Source};

const SECOND: Duration = Duration::from_millis(10);

static RUNNING: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn numbers() -> Source<u64> {
    Source::generate(|out| async move {
        for number in 1..=8 {
            out.send(number).await;
        }
    })
}

async fn square(number: u64) -> anyhow::Result<u64> {
    MOST.fetch_max(RUNNING.fetch_add(1, Relaxed) + 1, Relaxed);
    sleep(if number % 2 == 1 { 12 * SECOND } else { 6 * SECOND }).await;
    RUNNING.fetch_sub(1, Relaxed);
    Ok(number * number)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut results = Fanout::new(3, square).ordered().run(numbers());
    while let Some(result) = results.next().await {
        println!("{}", result?);
    }
    println!("most at once: {}", MOST.load(Relaxed));
    Ok(())
}
