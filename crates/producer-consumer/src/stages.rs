//! The jobs of producers and consumers.

use std::sync::Arc;

use towpath_pattern::queue::Sender;
use towpath_pattern::{
    Admitted, Completed, Job, Limits, Run, Scope, Settings, Source, Taken, Work, anyhow, drive_job,
    hold_permits,
};

use crate::handles::{QueueSender, QueueTrySender};

/// A job that gets a handle of the queue besides the item: every
/// `Fn(In, Handle) -> impl Future<Output = anyhow::Result<Out>>`.
pub trait WithQueue<In, Handle>: Send + Sync + 'static {
    /// The output of the job.
    type Out: Send + 'static;

    /// Starts the job.
    #[doc(hidden)]
    fn call(&self, item: In, handle: Handle) -> impl Future<Output = anyhow::Result<Self::Out>> + Send;
}

impl<In, Handle, F, Fut, Out> WithQueue<In, Handle> for F
where
    F: Fn(In, Handle) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = anyhow::Result<Out>> + Send,
    Out: Send + 'static,
{
    type Out = Out;

    #[inline]
    fn call(&self, item: In, handle: Handle) -> impl Future<Output = anyhow::Result<Out>> + Send {
        self(item, handle)
    }
}

/// The job of producers: every `Fn(In, QueueSender<Item>) -> impl Future<Output = anyhow::Result<()>>`.
pub trait Produce<In, Item>: WithQueue<In, QueueSender<Item>, Out = ()> {}

impl<In, Item, J: WithQueue<In, QueueSender<Item>, Out = ()>> Produce<In, Item> for J {}

/// The consumers of a [`ProducerConsumer`](crate::ProducerConsumer): [`Consume`] or [`ConsumeAndSend`].
pub trait Consumer<Item>: Send + Sync + 'static {
    /// The output of the job.
    type Out: Send + 'static;

    /// Starts the stage of consumers, which may send to the queue as well.
    #[doc(hidden)]
    fn start<L: Limits<Item>>(
        &self,
        source: Source<Item>,
        scope: Scope,
        settings: Settings,
        limits: &L,
        sender: Sender<Item>,
    ) -> Run<Self::Out>;
}

/// Consumers with a [`Job`].
#[derive(Debug)]
pub struct Consume<J>(pub(crate) Arc<J>);

/// Consumers with a job that sends further items to the queue.
#[derive(Debug)]
pub struct ConsumeAndSend<J>(pub(crate) Arc<J>);

impl<J> Clone for Consume<J> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<J> Clone for ConsumeAndSend<J> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Item: Send + 'static, J: Job<Item>> Consumer<Item> for Consume<J> {
    type Out = J::Out;

    #[track_caller]
    fn start<L: Limits<Item>>(
        &self,
        source: Source<Item>,
        scope: Scope,
        settings: Settings,
        limits: &L,
        _: Sender<Item>,
    ) -> Run<J::Out> {
        Run::spawn_limited(scope, source, settings, limits, Arc::clone(&self.0))
    }
}

impl<Item, J> Consumer<Item> for ConsumeAndSend<J>
where
    Item: Send + 'static,
    J: WithQueue<Item, QueueTrySender<Item>>,
{
    type Out = J::Out;

    #[track_caller]
    fn start<L: Limits<Item>>(
        &self,
        source: Source<Item>,
        scope: Scope,
        settings: Settings,
        limits: &L,
        sender: Sender<Item>,
    ) -> Run<J::Out> {
        let plain =
            WithHandle { job: Arc::clone(&self.0), sender: sender.clone(), handle: QueueTrySender::new };
        let job = Arc::new(Limited { job: Arc::clone(&self.0), limits: limits.clone() });
        let limited = WithHandle { job, sender, handle: QueueTrySender::new };
        Run::spawn_work_limited(scope, source, settings, limits, plain, limited)
    }
}

/// Starts the stage of producers, which take `In` and send to the queue.
#[track_caller]
pub(crate) fn produce<In, Item, J, L>(
    input: Source<In>,
    scope: Scope,
    settings: Settings,
    limits: &L,
    job: &Arc<J>,
    sender: Sender<Item>,
) -> Run<()>
where
    In: Send + 'static,
    Item: Send + 'static,
    J: Produce<In, Item>,
    L: Limits<In>,
{
    let plain = WithHandle { job: Arc::clone(job), sender: sender.clone(), handle: QueueSender::new };
    let job = Arc::new(Limited { job: Arc::clone(job), limits: limits.clone() });
    let limited = WithHandle { job, sender, handle: QueueSender::new };
    Run::spawn_discarding_limited(scope, input, settings, limits, plain, limited)
}

/// A job under limiters.
struct Limited<J, L> {
    job: Arc<J>,
    limits: L,
}

impl<In, Handle, J, L> WithQueue<Admitted<In, L::Permits>, Handle> for Limited<J, L>
where
    In: Send + 'static,
    Handle: Send + 'static,
    J: WithQueue<In, Handle>,
    L: Limits<In>,
{
    type Out = J::Out;

    fn call(
        &self,
        item: Admitted<In, L::Permits>,
        handle: Handle,
    ) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        let (item, permits) = item.start(&self.limits);
        hold_permits(permits, || self.job.call(item, handle))
    }
}

/// The work of jobs that get a handle of the queue besides the item. A closure would clone the job for each item.
struct WithHandle<J, Item, Handle> {
    job: Arc<J>,
    sender: Sender<Item>,
    handle: fn(Sender<Item>, Scope) -> Handle,
}

impl<In, Item, Handle, J> Work<In, J::Out> for WithHandle<J, Item, Handle>
where
    In: Send + 'static,
    Item: Send + 'static,
    Handle: Send + 'static,
    J: WithQueue<In, Handle>,
{
    async fn work(&self, taken: Taken<In, J::Out>, scope: &Scope) -> Completed<In, J::Out> {
        let handle = (self.handle)(self.sender.from_input(taken.index()), scope.clone());
        let (item, running) = taken.start();
        let result = drive_job(self.job.call(item, handle), |cause| running.report(cause)).await;
        running.complete(result)
    }
}
