//! Any two of our patterns behind each other, through the nine laws: `a.then(b)` of the patterns themselves, and
//! `b.then(a)` of both behind `dyn Pattern`.

use towpath_fanout::Fanout;
use towpath_pattern::{Job, Order, Pattern, Scope};
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::{ProducerConsumer, QueueSender};
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};
use towpath_testkit::{Boxed, Case, Chained, Conformance, Subject, while_holding};

#[derive(Clone)]
struct OfFanout;

impl Subject for OfFanout {
    fn name(&self) -> String {
        "fanout".to_owned()
    }

    fn order(&self) -> Order {
        Order::AsCompleted
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        Fanout::new(case.limit, job).capacity(case.capacity).on_failure(case.on_failure)
    }
}

#[derive(Clone)]
struct OfPipeline;

impl Subject for OfPipeline {
    fn name(&self) -> String {
        "pipeline".to_owned()
    }

    fn order(&self) -> Order {
        Order::AsCompleted
    }

    fn stages(&self) -> usize {
        2
    }

    fn job_stage(&self) -> usize {
        0
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        let pass = |output: J::Out| async move { Ok(output) };
        let first = Pipeline::new(case.limit, job).capacity(case.capacity).on_failure(case.on_failure);
        first.then_stage(case.limit, pass).capacity(case.capacity)
    }
}

#[derive(Clone)]
struct OfSemaphore;

impl Subject for OfSemaphore {
    fn name(&self) -> String {
        "semaphore".to_owned()
    }

    fn order(&self) -> Order {
        Order::AsCompleted
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        let permits = Semaphore::new(case.limit.get());
        WithPermit::new(&permits, job).limit(case.limit).capacity(case.capacity).on_failure(case.on_failure)
    }
}

#[derive(Clone)]
struct OfProducerConsumer;

impl Subject for OfProducerConsumer {
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
        let put = |item: In, queue: QueueSender<In>| async move {
            queue.send(item).await.map_err(|_| anyhow::anyhow!("the queue is closed"))
        };
        let both = ProducerConsumer::producers(case.limit, put).consumers(case.limit, job);
        both.capacity(case.capacity).on_failure(case.on_failure)
    }
}

#[derive(Clone)]
struct OfResource;

/// The job, while it holds a resource that costs nothing.
struct HoldingNothing<J>(J);

impl<In: Send + 'static, J: Job<In>> Job<(ResourceGuard<()>, In)> for HoldingNothing<J> {
    type Out = J::Out;

    fn call(
        &self,
        (held, item): (ResourceGuard<()>, In),
    ) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        while_holding(held, self.0.call(item))
    }

    fn call_in(
        &self,
        (held, item): (ResourceGuard<()>, In),
        scope: &Scope,
    ) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        while_holding(held, self.0.call_in(item, scope))
    }
}

impl Subject for OfResource {
    fn name(&self) -> String {
        "resource".to_owned()
    }

    fn order(&self) -> Order {
        Order::AsCompleted
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        let nothing = resource_fn(|| async { Ok(()) }, |(), _| async { Ok(()) });
        let holding = WithResource::new(case.limit, nothing, HoldingNothing(job));
        holding.capacity(case.capacity).on_failure(case.on_failure)
    }
}

/// One behind the other both ways: once as they are, and once behind `dyn Pattern`.
fn pair(suite: Conformance, one: impl Subject, other: impl Subject) -> Conformance {
    suite
        .and_just(Chained::job_first(one.clone(), other.clone()))
        .and_just(Chained::job_last(Boxed(other), Boxed(one)))
}

fn main() {
    // What comes after itself is put through the suite in its own crate.
    let mut suite = Conformance::default();
    suite = pair(suite, OfFanout, OfPipeline);
    suite = pair(suite, OfFanout, OfProducerConsumer);
    suite = pair(suite, OfPipeline, OfSemaphore);
    suite = pair(suite, OfPipeline, OfResource);
    suite = pair(suite, OfSemaphore, OfFanout);
    suite = pair(suite, OfSemaphore, OfProducerConsumer);
    suite = pair(suite, OfProducerConsumer, OfPipeline);
    suite = pair(suite, OfProducerConsumer, OfResource);
    suite = pair(suite, OfResource, OfFanout);
    suite = pair(suite, OfResource, OfSemaphore);
    suite.main()
}
