//! asyncio's `Queue`, a Go channel: one task puts, another takes; no sentinel says that it is over.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use towpath_producer_consumer::queue::{self, Closed, Consumer, Producer};

async fn produce(queue: Producer<u64>) -> Result<(), Closed<u64>> {
    for item in 0..5 {
        sleep(Duration::from_millis(20)).await;
        queue.put(item).await?;
        println!("Produced: {item}");
    }
    Ok(()) // the only producer is dropped here, which closes the queue
}

async fn consume(mut queue: Consumer<u64>) -> Vec<u64> {
    let mut items = Vec::new();
    while let Some(item) = queue.take().await {
        println!("Consumed: {item}");
        sleep(Duration::from_millis(10)).await;
        items.push(item);
    }
    items
}

#[tokio::main]
async fn main() -> Result<(), Closed<u64>> {
    let began = Instant::now();
    let (producer, consumer) = queue::fifo(10);
    let (put, items) = tokio::join!(produce(producer), consume(consumer));
    put?;
    assert_eq!(items, [0, 1, 2, 3, 4]);
    println!("all of it in {} ms", began.elapsed().as_millis());
    Ok(())
}
