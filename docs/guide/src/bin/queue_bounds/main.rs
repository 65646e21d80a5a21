//! `queue::bounded` takes a capacity. The unbounded queue is tokio's `unbounded_channel`.

use tokio::sync::mpsc;
use towpath_producer_consumer::queue;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (producer, consumer) = queue::bounded(10);
    let took = (0..1000).take_while(|&item: &u64| producer.try_send(item).is_ok()).count();
    println!("queue::bounded(10): took {took} of 1000, then the producer waits");
    drop(consumer);

    let (sender, receiver) = mpsc::unbounded_channel();
    for item in 0..1000 {
        sender.send(item)?;
    }
    println!("mpsc::unbounded_channel(): took all of {}, and would take more", receiver.len());
    Ok(())
}
