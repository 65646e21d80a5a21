//! No sentinel and no close: dropping the last sender ends the queue for all receivers.

use tokio::task::JoinSet;
use towpath_producer_consumer::queue;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (producer, consumer) = queue::bounded(10);
    let mut consumers = JoinSet::new();
    for _ in 0..3 {
        let mut queue = consumer.clone();
        consumers.spawn(async move {
            let mut items = 0;
            while queue.recv().await.is_some() {
                items += 1;
            }
            items
        });
    }
    drop(consumer);
    for item in 0..6 {
        producer.send(item).await?;
    }
    drop(producer);

    let items = consumers.join_all().await;
    println!("The producer is gone; items taken: {} of 6", items.iter().sum::<u64>());
    println!("The producer is gone; consumers that ended: {} of 3", items.len());
    Ok(())
}
