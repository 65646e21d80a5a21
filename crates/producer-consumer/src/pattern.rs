//! The pattern: a stage of producers, a queue, a stage of consumers.

use std::sync::Arc;

use towpath_pattern::queue::{self, Sender};
use towpath_pattern::{
    Completed, IntoLimit, Job, Limit, Pattern, Run, Scope, Settings, Source, Taken, Work, anyhow, builders,
    drive_job,
};

use crate::handles::{QueueSender, QueueTrySender};

/// Starts the stage of producers: they take `In` and send to the queue.
type StartProducers<In, Item> = dyn Fn(Source<In>, Scope, Settings, Sender<Item>) -> Run<()> + Send + Sync;

/// Starts the stage of consumers, which may send to the queue as well.
type StartConsumers<Item, Out> =
    dyn Fn(Source<Item>, Scope, Settings, Sender<Item>) -> Run<Out> + Send + Sync;

/// Producers that send items to a queue, and consumers that receive them.
///
/// The pattern is a description: it can be run any number of times, also at the same time, each run with a queue of its
/// own. Clones share the jobs.
pub struct ProducerConsumer<In, Item, Out> {
    producers: Producers<In, Item>,
    /// The settings of the consumers, from which [`Pattern::start`] derives those of the producers. Without a name, the
    /// name is empty.
    settings: Settings,
    start: Arc<StartConsumers<Item, Out>>,
    newest_first: bool,
}

/// Producers that are still without consumers.
#[must_use = "producers need consumers"]
pub struct Producers<In, Item> {
    limit: Limit,
    start: Arc<StartProducers<In, Item>>,
}

impl<In: Send + 'static, Item: Send + 'static> ProducerConsumer<In, Item, ()> {
    /// Starts `job` for each input, at most `limit` at once; each job sends any number of items to the queue.
    ///
    /// # Panics
    ///
    /// When the limit is zero, at the caller's location.
    #[track_caller]
    pub fn producers<P, Fut>(limit: impl IntoLimit, job: P) -> Producers<In, Item>
    where
        P: Fn(In, QueueSender<Item>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send,
    {
        let job = Arc::new(job);
        Producers {
            limit: limit.into_limit(),
            start: Arc::new(move |input, scope, settings, sender| {
                let work = WithHandle { job: Arc::clone(&job), sender, handle: QueueSender::new };
                Run::spawn_discarding(scope, input, settings, work)
            }),
        }
    }
}

impl<Item: Send + 'static> ProducerConsumer<Item, Item, ()> {
    /// Sends the inputs themselves to the queue as it has capacity: for consumers that send.
    pub fn items() -> Producers<Item, Item> {
        let send_itself = |item, queue: QueueSender<Item>| async move {
            // Closed only if the run is over, and this job with it.
            queue.send(item).await.map_err(|_| anyhow::anyhow!("the queue is closed"))
        };
        ProducerConsumer::producers(1, send_itself)
    }
}

impl<In: Send + 'static, Item: Send + 'static> Producers<In, Item> {
    /// Applies `job` to each item of the queue, with at most `limit` jobs at once.
    ///
    /// # Panics
    ///
    /// When the limit is zero, at the caller's location.
    #[track_caller]
    #[must_use]
    pub fn consumers<J: Job<Item>>(
        self,
        limit: impl IntoLimit,
        job: J,
    ) -> ProducerConsumer<In, Item, J::Out> {
        let job = Arc::new(job);
        self.with_consumers(limit.into_limit(), move |source, scope, settings, _| {
            Run::spawn(scope, source, settings, Arc::clone(&job))
        })
    }

    /// Applies `job` as [`Producers::consumers`] does, with a handle by which the job sends further items to the queue. The
    /// run ends when the queue is empty and no job runs.
    ///
    /// # Panics
    ///
    /// When the limit is zero, at the caller's location.
    #[track_caller]
    #[must_use]
    pub fn consumers_that_send<C, Fut, Out>(
        self,
        limit: impl IntoLimit,
        job: C,
    ) -> ProducerConsumer<In, Item, Out>
    where
        C: Fn(Item, QueueTrySender<Item>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<Out>> + Send,
        Out: Send + 'static,
    {
        let job = Arc::new(job);
        self.with_consumers(limit.into_limit(), move |source, scope, settings, sender| {
            let work = WithHandle { job: Arc::clone(&job), sender, handle: QueueTrySender::new };
            Run::spawn(scope, source, settings, work)
        })
    }

    fn with_consumers<Out>(
        self,
        limit: impl IntoLimit,
        start: impl Fn(Source<Item>, Scope, Settings, Sender<Item>) -> Run<Out> + Send + Sync + 'static,
    ) -> ProducerConsumer<In, Item, Out> {
        ProducerConsumer {
            producers: self,
            settings: Settings::new("", limit),
            start: Arc::new(start),
            newest_first: false,
        }
    }
}

impl<In, Item, Out> ProducerConsumer<In, Item, Out> {
    /// Takes the newest item of the queue first: asyncio's `LifoQueue`.
    #[must_use]
    pub fn lifo(mut self) -> Self {
        self.newest_first = true;
        self
    }
}

builders! {
    /// The [capacity](Self::capacity) is the number of items in the queue, and the number of further outputs that are
    /// ready and not taken yet; with a capacity of zero, an item is put only when a consumer is free for it. A failure
    /// is a failure of a producer or of a consumer. The stages are called `producers` and `consumers`, after the
    /// [name](Self::named) if there is one.
    ProducerConsumer<In, Item, Out>
}

impl<In, Item, Out> Pattern<In> for ProducerConsumer<In, Item, Out>
where
    In: Send + 'static,
    Item: Send + 'static,
    Out: Send + 'static,
{
    type Out = Out;

    fn start(&self, input: Source<In>, scope: Scope) -> Run<Out> {
        let settings = |stage: &str| match &*self.settings.name {
            "" => self.settings.clone().named(stage),
            name => self.settings.clone().named(format!("{name} {stage}")),
        };
        let consumers = settings("consumers");
        let mut producers = settings("producers").capacity(0);
        producers.limit = self.producers.limit;

        let room = consumers.capacity.unwrap_or(consumers.limit.get());
        let (sender, receiver) =
            if self.newest_first { queue::bounded_lifo(room) } else { queue::bounded(room) };
        let producing = (self.producers.start)(input, scope.clone(), producers, sender.clone());
        (self.start)(Source::produced(producing, receiver), scope, consumers, sender)
    }
}

impl<In, Item, Out> Clone for ProducerConsumer<In, Item, Out> {
    fn clone(&self) -> Self {
        let Self { producers, settings, start, newest_first } = self;
        Self {
            producers: producers.clone(),
            settings: settings.clone(),
            start: Arc::clone(start),
            newest_first: *newest_first,
        }
    }
}

impl<In, Item> Clone for Producers<In, Item> {
    fn clone(&self) -> Self {
        Self { limit: self.limit, start: Arc::clone(&self.start) }
    }
}

/// The work of jobs that get a handle of the queue besides the item. A closure would clone the job for each item.
struct WithHandle<J, Item, Handle> {
    job: Arc<J>,
    sender: Sender<Item>,
    handle: fn(Sender<Item>, Scope) -> Handle,
}

impl<In, Item, Handle, J, Fut, Out> Work<In, Out> for WithHandle<J, Item, Handle>
where
    In: Send + 'static,
    Item: Send + 'static,
    Handle: Send + 'static,
    J: Fn(In, Handle) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = anyhow::Result<Out>> + Send,
    Out: Send + 'static,
{
    async fn work(&self, taken: Taken<In, Out>, scope: &Scope) -> Completed<In, Out> {
        let handle = (self.handle)(self.sender.from_input(taken.index()), scope.clone());
        let (item, running) = taken.start();
        let result = drive_job((self.job)(item, handle), |cause| running.report(cause)).await;
        running.complete(result)
    }
}
