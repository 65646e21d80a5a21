//! asyncio's `Queue`, a Go channel: a task sends, and a second task receives until the queue is closed, without a sentinel.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use towpath_producer_consumer::queue::{self, Receiver, SendError, Sender};

async fn produce(queue: Sender<u64>) -> Result<(), SendError<u64>> {
    for item in 0..5 {
        sleep(Duration::from_millis(20)).await;
        queue.send(item).await?;
        println!("Produced: {item}");
    }
    Ok(()) // the drop of the only sender closes the queue
}

async fn consume(mut queue: Receiver<u64>) -> Vec<u64> {
    let mut items = Vec::new();
    while let Some(item) = queue.recv().await {
        println!("Consumed: {item}");
        sleep(Duration::from_millis(10)).await;
        items.push(item);
    }
    items
}

#[tokio::main]
async fn main() -> Result<(), SendError<u64>> {
    let began = Instant::now();
    let (sender, receiver) = queue::bounded(10);
    let (sent, items) = tokio::join!(produce(sender), consume(receiver));
    sent?;
    assert_eq!(items, [0, 1, 2, 3, 4]);
    println!("all items in {} ms", began.elapsed().as_millis());
    Ok(())
}
