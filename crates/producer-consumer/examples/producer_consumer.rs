//! One producer, three consumers: asyncio needs `join` and three sentinels, and Go a closed channel and a `WaitGroup`.

use std::time::Duration;

use tokio::time::sleep;
use towpath_producer_consumer::{Failure, PatternExt, ProducerConsumer, QueueSender};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let producer = ProducerConsumer::producers(1, |items: u64, queue: QueueSender<u64>| async move {
        for item in 0..items {
            sleep(Duration::from_millis(10)).await;
            queue.send(item).await?;
            println!("Produced {item}");
        }
        Ok(())
    });
    let consumers = producer.consumers(3, |item: u64| async move {
        sleep(Duration::from_millis(20)).await;
        println!("Consumed {item}");
        Ok(item)
    });
    let mut consumed = consumers.capacity(10).run([10]).collect().await?;
    consumed.sort_unstable();
    assert_eq!(consumed, (0..10).collect::<Vec<_>>());
    println!("all items are consumed, and all consumers are gone");
    Ok(())
}
