//! One producer, three consumers, a queue of capacity ten. The run ends after the last item.

use std::time::Duration;

use tokio::time::sleep;
use towpath_producer_consumer::{PatternExt, ProducerConsumer, QueueSender};

const SECOND: Duration = Duration::from_millis(10);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let producer = ProducerConsumer::producers(1, |n: u64, queue: QueueSender<u64>| async move {
        for item in 0..n {
            sleep(SECOND).await;
            queue.send(item).await?;
            println!("Produced {item}");
        }
        Ok(())
    });
    let consumers = producer.consumers(3, |item: u64| async move {
        sleep(2 * SECOND).await;
        println!("Consumed {item}");
        Ok(item)
    });
    let consumed = consumers.capacity(10).run([10]).collect().await?;
    println!("All {} are consumed", consumed.len());
    Ok(())
}
