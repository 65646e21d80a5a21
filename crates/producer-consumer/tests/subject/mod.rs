//! Producers and consumers as the suite and the benchmark see them: made from any job, which a consumer does.

use towpath_pattern::{Job, Order, Pattern};
use towpath_producer_consumer::{ProducerConsumer, Producers, QueueSender};
use towpath_testkit::{Case, Subject};

/// Each input starts a producer, which puts that one item.
#[derive(Clone, Copy, Debug)]
pub struct AsCompleted;

fn putting<In: Send + 'static>(case: Case) -> Producers<In, In> {
    ProducerConsumer::producers(case.limit, |item: In, queue: QueueSender<In>| async move {
        queue.send(item).await.map_err(|_| anyhow::anyhow!("the queue is closed"))
    })
}

impl Subject for AsCompleted {
    fn name(&self) -> String {
        "producer-consumer".to_owned()
    }

    fn order(&self) -> Order {
        Order::AsCompleted
    }

    fn stages(&self) -> usize {
        2
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        putting(case).consumers(case.limit, job).capacity(case.capacity).on_failure(case.on_failure)
    }
}
