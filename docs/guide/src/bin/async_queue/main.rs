//! One task sends, another receives. The queue ends when its last sender is dropped.

use std::time::Duration;

use tokio::time::sleep;
use towpath_producer_consumer::queue::{self, Receiver, SendError, Sender};

const SECOND: Duration = Duration::from_millis(10);

async fn produce(queue: Sender<u64>) -> Result<(), SendError<u64>> {
    for item in 0..5 {
        sleep(SECOND).await;
        queue.send(item).await?;
        println!("Produced: {item}");
    }
    Ok(())
}

async fn consume(mut queue: Receiver<u64>) {
    while let Some(item) = queue.recv().await {
        println!("Consumed: {item}");
        sleep(SECOND / 2).await;
    }
    println!("The queue has ended");
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (producer, consumer) = queue::bounded(10);
    let (put, ()) = tokio::join!(produce(producer), consume(consumer));
    Ok(put?)
}
