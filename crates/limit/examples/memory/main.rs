//! A custom limiter in twenty lines: at most a megabyte of documents in memory, in two runs together.

mod memory;

use memory::Memory;
use tokio::time::{Duration, sleep};
use towpath_fanout::{Fanout, OnFailure, PatternExt};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let memory = Memory::new(1 << 20);
    let index = Fanout::new(8, |document: Vec<u8>| async move {
        sleep(Duration::from_millis(5)).await;
        Ok(document.len())
    })
    .capacity(100)
    .limited_by(&memory)
    .on_failure(OnFailure::Continue);

    let documents = |kilobytes: usize| (0..50).map(move |_| vec![0; kilobytes << 10]);
    let small = index.run(documents(10)).finish();
    let large = index.run(documents(600).chain([vec![0; 2 << 20]])).finish();
    let (small, large) = tokio::join!(small, large);
    println!("{small}\n{large}");
    assert_eq!(memory.free(), 1 << 20);
    Ok(())
}
