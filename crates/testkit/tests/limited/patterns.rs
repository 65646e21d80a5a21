//! Every pattern with every limiter, as subjects of the suite.

use std::future::Future;

use towpath_fanout::Fanout;
use towpath_pattern::{IntoJobLimit, Job, JobLimit, LiveLimit, Order, Pattern, PatternExt, Scope, anyhow};
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::{ProducerConsumer, QueueSender};
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};
use towpath_testkit::{Allowed, Case, Subject, while_holding};

use crate::kinds::Kind;

/// A pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Fanout,
    Pipeline,
    ProducerConsumer,
    Resource,
    Semaphore,
}

impl Form {
    /// The patterns, in all orders of the outputs that they have.
    pub const ALL: [(Self, Order); 9] = [
        (Self::Fanout, Order::AsCompleted),
        (Self::Pipeline, Order::AsCompleted),
        (Self::ProducerConsumer, Order::AsCompleted),
        (Self::Resource, Order::AsCompleted),
        (Self::Semaphore, Order::AsCompleted),
        (Self::Fanout, Order::Ordered),
        (Self::Pipeline, Order::Ordered),
        (Self::Resource, Order::Ordered),
        (Self::Semaphore, Order::Ordered),
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Fanout => "fanout",
            Self::Pipeline => "pipeline",
            Self::ProducerConsumer => "producer_consumer",
            Self::Resource => "resource",
            Self::Semaphore => "semaphore",
        }
    }
}

/// A pattern with one limiter, or with two.
#[derive(Clone, Copy, Debug)]
pub struct Limited {
    pub form: Form,
    pub order: Order,
    pub first: Kind,
    pub second: Option<Kind>,
    /// The suite also checks the chains of the subject with itself.
    pub chains: bool,
}

impl Limited {
    fn kinds(self) -> impl Iterator<Item = Kind> {
        [Some(self.first), self.second].into_iter().flatten()
    }
}

/// Adds the limiters to a pattern, with a type for each kind of wait.
macro_rules! limited_by {
    ($pattern:expr, $limiters:expr) => {{
        let pattern = $pattern;
        match $limiters {
            [] => pattern.boxed(),
            [a] if a.is_per_item() => pattern.limited_by(&a.limiter::<In, true>()).boxed(),
            [a] => pattern.limited_by(&a.limiter::<In, false>()).boxed(),
            [a, b] => match (a.is_per_item(), b.is_per_item()) {
                (true, true) => {
                    pattern.limited_by(&a.limiter::<In, true>()).limited_by(&b.limiter::<In, true>()).boxed()
                }
                (true, false) => {
                    pattern.limited_by(&a.limiter::<In, true>()).limited_by(&b.limiter::<In, false>()).boxed()
                }
                (false, true) => {
                    pattern.limited_by(&a.limiter::<In, false>()).limited_by(&b.limiter::<In, true>()).boxed()
                }
                (false, false) => pattern
                    .limited_by(&a.limiter::<In, false>())
                    .limited_by(&b.limiter::<In, false>())
                    .boxed(),
            },
            _ => unreachable!("two limiters at most"),
        }
    }};
}

impl Subject for Limited {
    fn name(&self) -> String {
        let order = if self.order == Order::Ordered { "_ordered" } else { "" };
        let kinds: Vec<_> = self.kinds().map(Kind::name).collect();
        format!("{}{order}::{}", self.form.name(), kinds.join("_then_"))
    }

    fn order(&self) -> Order {
        self.order
    }

    fn stages(&self) -> usize {
        if matches!(self.form, Form::Pipeline | Form::ProducerConsumer) { 2 } else { 1 }
    }

    fn job_stage(&self) -> usize {
        usize::from(self.form == Form::ProducerConsumer)
    }

    fn chains_with_itself(&self) -> bool {
        self.chains
    }

    fn allowed(&self) -> Allowed {
        self.kinds().map(Kind::allowed).fold(Allowed::ANY, Allowed::and)
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        let dial = self.kinds().any(|kind| kind == Kind::Live).then(|| LiveLimit::new(case.limit.get()));
        let limit = dial.as_ref().map_or_else(|| case.limit.into_job_limit(), IntoJobLimit::into_job_limit);
        let job = Dialled { job, limit: limit.clone(), jobs: case.limit.get() };
        let limiters: Vec<_> = self.kinds().filter(|kind| *kind != Kind::Live).collect();
        let is_ordered = self.order == Order::Ordered;
        match self.form {
            Form::Fanout => {
                let pattern = Fanout::new(limit, job).capacity(case.capacity).on_failure(case.on_failure);
                limited_by!(if is_ordered { pattern.ordered() } else { pattern }, *limiters)
            }
            Form::Pipeline => {
                let pattern = Pipeline::new(limit, job).capacity(case.capacity).on_failure(case.on_failure);
                let pass = Fanout::new(case.limit, |output: J::Out| async move { Ok(output) })
                    .capacity(case.capacity)
                    .on_failure(case.on_failure);
                let pass = if is_ordered { pass.ordered() } else { pass };
                limited_by!(if is_ordered { pattern.ordered() } else { pattern }, *limiters)
                    .then(pass)
                    .boxed()
            }
            Form::ProducerConsumer => {
                let producers = |item: In, queue: QueueSender<In>| async move {
                    queue.send(item).await.map_err(|_| anyhow::anyhow!("the queue is closed"))
                };
                // A single producer: several producers would send in any order, and the keys are positions in the queue. Two
                // consecutive inputs could then have one key, and a job that waits for the next input would deadlock.
                let pattern = ProducerConsumer::producers(1, producers)
                    .consumers(limit, job)
                    .capacity(case.capacity)
                    .on_failure(case.on_failure);
                limited_by!(pattern, *limiters)
            }
            Form::Resource => {
                let nothing = resource_fn(|| async { Ok(()) }, |(), _| async { Ok(()) });
                let pattern = WithResource::new(limit, nothing, HoldingNothing(job))
                    .capacity(case.capacity)
                    .on_failure(case.on_failure);
                limited_by!(if is_ordered { pattern.ordered() } else { pattern }, *limiters)
            }
            Form::Semaphore => {
                let pattern = WithPermit::new(limit, &Semaphore::new(case.limit.get()), job)
                    .capacity(case.capacity)
                    .on_failure(case.on_failure);
                limited_by!(if is_ordered { pattern.ordered() } else { pattern }, *limiters)
            }
        }
    }
}

/// A job that sets a live limit to 0, to 1, and back to the number of `jobs`: every start pauses the run.
struct Dialled<J> {
    job: J,
    limit: JobLimit,
    jobs: usize,
}

impl<J> Dialled<J> {
    fn dial(&self) {
        if let JobLimit::Live(limit) = &self.limit {
            for jobs in [0, 1, self.jobs] {
                limit.set(jobs);
            }
        }
    }
}

impl<In: Send + 'static, J: Job<In>> Job<In> for Dialled<J> {
    type Out = J::Out;

    fn call(&self, item: In) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        self.dial();
        self.job.call(item)
    }

    fn call_in(&self, item: In, scope: &Scope) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        self.dial();
        self.job.call_in(item, scope)
    }
}

/// A job that holds a resource without a cost.
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
