//! Producers and consumers for the laws, the soak and the benchmark: made from any job, which is the job of a consumer.

use towpath_producer_consumer::{Produce, ProducerConsumer, Producers, QueueSender};
use towpath_testkit::Case;

fn producers<In: Send + 'static>(case: Case) -> Producers<In, In, impl Produce<In, In>> {
    ProducerConsumer::producers(case.limit, |item: In, queue: QueueSender<In>| async move {
        queue.send(item).await.map_err(|_| anyhow::anyhow!("the queue is closed"))
    })
}

towpath_testkit::subjects! {
    /// Each input starts a producer, which sends the input as its only item.
    pub producer_consumer(case, job) -> AsCompleted { stages: 2 } =>
        producers(case).consumers(case.limit, job).capacity(case.capacity).on_failure(case.on_failure);
}
