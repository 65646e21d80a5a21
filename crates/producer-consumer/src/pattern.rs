//! The pattern: a stage of producers, a queue, a stage of consumers.

use std::sync::Arc;

use towpath_pattern::queue::{self, Receiver, Sender};
use towpath_pattern::{
    Completed, IntoJobLimit, Job, JobLimit, Pattern, Run, Scope, Settings, Source, Taken, Work, anyhow,
    builders, drive_job,
};

use crate::handles::{QueueSender, QueueTrySender};

/// Starts the stage of producers: they take `In` and send to the queue.
type StartProducers<In, Item> = dyn Fn(Source<In>, Scope, Settings, Sender<Item>) -> Run<()> + Send + Sync;

/// Starts the stage of consumers, which may send to the queue as well.
type StartConsumers<Item, Out> =
    dyn Fn(Source<Item>, Scope, Settings, Sender<Item>) -> Run<Out> + Send + Sync;

/// Connects producers to consumers by a bounded queue.
///
/// [`ProducerConsumer::producers`] or [`ProducerConsumer::items`] creates the producers, and a method of [`Producers`]
/// adds the consumers. The pattern is a description: it can be run any number of times, also at the same time, and each
/// run has a queue of its own. Clones share the jobs.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_producer_consumer::{OnFailure, PatternExt, ProducerConsumer};
///
/// let words = ProducerConsumer::producers(2, |text: &'static str, queue| async move {
///     for word in text.split(' ') {
///         queue.send(word).await?;
///     }
///     Ok(())
/// });
/// let parse = words.consumers(4, |word: &'static str| async move { Ok(word.parse::<u64>()?) });
/// let sum: u64 = parse.clone().capacity(16).run(["1 2", "3"]).collect().await?.iter().sum();
/// assert_eq!(sum, 6);
///
/// // The run goes on after a failure.
/// let lenient = parse.named("parse").on_failure(OnFailure::Continue);
/// let (outcomes, report) = lenient.run(["1 two", "3"]).outcomes().await;
/// assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 2);
/// assert_eq!(&*report.stages[1].stage, "parse consumers");
/// # Ok(()) }
/// ```
pub struct ProducerConsumer<In, Item, Out> {
    producers: Producers<In, Item>,
    /// The settings of the consumers. [`Pattern::start`] derives the settings of the producers. An empty name stands for no
    /// name.
    settings: Settings,
    start: Arc<StartConsumers<Item, Out>>,
    order: Order<Item>,
}

/// The items that consumers take first.
enum Order<Item> {
    Oldest,
    Newest,
    MostUrgent(Arc<dyn Fn(&Item) -> i64 + Send + Sync>),
}

impl<Item> Order<Item> {
    fn queue(&self, capacity: usize) -> (Sender<Item>, Receiver<Item>)
    where
        Item: 'static,
    {
        match self {
            Self::Oldest => queue::bounded(capacity),
            Self::Newest => queue::bounded_lifo(capacity),
            Self::MostUrgent(urgency) => {
                let urgency = Arc::clone(urgency);
                queue::bounded_by_priority(capacity, move |item| urgency(item))
            }
        }
    }
}

impl<Item> Clone for Order<Item> {
    fn clone(&self) -> Self {
        match self {
            Self::Oldest => Self::Oldest,
            Self::Newest => Self::Newest,
            Self::MostUrgent(urgency) => Self::MostUrgent(Arc::clone(urgency)),
        }
    }
}

/// Holds producers without consumers: a [`ProducerConsumer`] under construction.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_producer_consumer::{PatternExt, ProducerConsumer, Producers, QueueSender};
///
/// let numbers: Producers<u64, u64> =
///     ProducerConsumer::producers(2, |count: u64, queue: QueueSender<u64>| async move {
///         for number in 0..count {
///             queue.send(number).await?;
///         }
///         Ok(())
///     });
/// let squares = numbers.clone().consumers(1, |n: u64| async move { Ok(n * n) });
/// assert_eq!(squares.run([4]).collect().await?, [0, 1, 4, 9]);
///
/// // Consumers that send further items, with a capacity for all of them.
/// let halves = numbers.consumers_that_send(1, |n: u64, queue| async move {
///     if n > 1 {
///         queue.try_send(n / 2)?;
///     }
///     Ok(n)
/// });
/// assert_eq!(halves.capacity(100).run([5]).collect().await?.len(), 9);
/// # Ok(()) }
/// ```
#[must_use = "producers need consumers"]
pub struct Producers<In, Item> {
    limit: JobLimit,
    start: Arc<StartProducers<In, Item>>,
}

impl<In: Send + 'static, Item: Send + 'static> ProducerConsumer<In, Item, ()> {
    /// Creates producers, which apply `job` to each input, with at most `limit` jobs at once. A job sends any number of
    /// items to the queue.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if `limit` is zero.
    #[track_caller]
    pub fn producers<P, Fut>(limit: impl IntoJobLimit, job: P) -> Producers<In, Item>
    where
        P: Fn(In, QueueSender<Item>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send,
    {
        let job = Arc::new(job);
        Producers {
            limit: limit.into_job_limit(),
            start: Arc::new(move |input, scope, settings, sender| {
                let work = WithHandle { job: Arc::clone(&job), sender, handle: QueueSender::new };
                Run::spawn_discarding(scope, input, settings, work)
            }),
        }
    }
}

impl<Item: Send + 'static> ProducerConsumer<Item, Item, ()> {
    /// Creates a producer that sends the inputs to the queue as items: for consumers that send.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_producer_consumer::{PatternExt, ProducerConsumer};
    ///
    /// let halves = ProducerConsumer::items().consumers_that_send(4, |n: u64, queue| async move {
    ///     if n > 1 {
    ///         queue.try_send(n / 2)?;
    ///     }
    ///     Ok(n)
    /// });
    /// assert_eq!(halves.capacity(100).run([8]).collect().await?, [8, 4, 2, 1]);
    /// # Ok(()) }
    /// ```
    pub fn items() -> Producers<Item, Item> {
        let send_itself = |item, queue: QueueSender<Item>| async move {
            // The queue is closed only at the end of the run, when the jobs of the producers are gone.
            queue.send(item).await.map_err(|_| anyhow::anyhow!("the queue is closed"))
        };
        ProducerConsumer::producers(1, send_itself)
    }
}

impl<In: Send + 'static, Item: Send + 'static> Producers<In, Item> {
    /// Adds consumers, which apply `job` to each item of the queue, with at most `limit` jobs at once.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if `limit` is zero.
    #[track_caller]
    #[must_use]
    pub fn consumers<J: Job<Item>>(
        self,
        limit: impl IntoJobLimit,
        job: J,
    ) -> ProducerConsumer<In, Item, J::Out> {
        let job = Arc::new(job);
        self.with_consumers(limit.into_job_limit(), move |source, scope, settings, _| {
            Run::spawn(scope, source, settings, Arc::clone(&job))
        })
    }

    /// Adds consumers as [`Producers::consumers`] does, with a handle for `job` to send further items to the queue. The
    /// run ends when the queue is empty and no job runs.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if `limit` is zero.
    #[track_caller]
    #[must_use]
    pub fn consumers_that_send<C, Fut, Out>(
        self,
        limit: impl IntoJobLimit,
        job: C,
    ) -> ProducerConsumer<In, Item, Out>
    where
        C: Fn(Item, QueueTrySender<Item>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<Out>> + Send,
        Out: Send + 'static,
    {
        let job = Arc::new(job);
        self.with_consumers(limit.into_job_limit(), move |source, scope, settings, sender| {
            let work = WithHandle { job: Arc::clone(&job), sender, handle: QueueTrySender::new };
            Run::spawn(scope, source, settings, work)
        })
    }

    fn with_consumers<Out>(
        self,
        limit: impl IntoJobLimit,
        start: impl Fn(Source<Item>, Scope, Settings, Sender<Item>) -> Run<Out> + Send + Sync + 'static,
    ) -> ProducerConsumer<In, Item, Out> {
        ProducerConsumer {
            producers: self,
            settings: Settings::new("", limit),
            start: Arc::new(start),
            order: Order::Oldest,
        }
    }
}

impl<In, Item, Out> ProducerConsumer<In, Item, Out> {
    /// Takes the newest item of the queue first, as asyncio's `LifoQueue` does.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_producer_consumer::{PatternExt, ProducerConsumer};
    ///
    /// // A walk through a tree, depth first.
    /// let walk = ProducerConsumer::items().consumers_that_send(1, |n: u64, queue| async move {
    ///     for child in [2 * n + 1, 2 * n] {
    ///         if child < 8 {
    ///             queue.try_send(child)?;
    ///         }
    ///     }
    ///     Ok(n)
    /// });
    /// assert_eq!(walk.capacity(10).lifo().run([1]).collect().await?, [1, 2, 4, 5, 3, 6, 7]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn lifo(mut self) -> Self {
        self.order = Order::Newest;
        self
    }

    /// Takes the most urgent item of the queue first, as asyncio's `PriorityQueue` does, and of equally urgent items the
    /// oldest. `urgency` returns the urgency of an item: an `i64`, or a smaller integer.
    ///
    /// The order is the order of the starts. An urgent item waits until a consumer is free, and if the queue is full, until
    /// its producer has its turn. Items of low urgency may wait without a bound while more urgent items keep coming; see
    /// [`bounded_by_priority`](queue::bounded_by_priority). A panic of `urgency` is a panic of the job that sends the item.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_producer_consumer::{PatternExt, ProducerConsumer};
    ///
    /// // Best first: the consumer of a node sends the children with their scores.
    /// let search = ProducerConsumer::items().consumers_that_send(1, |(score, node): (u32, u64), queue| async move {
    ///     if node < 4 {
    ///         queue.try_send((score + 1, 2 * node))?;
    ///         queue.try_send((score + 5, 2 * node + 1))?;
    ///     }
    ///     Ok(node)
    /// });
    /// let best_first = search.capacity(10).by_priority(|(score, _)| *score);
    /// assert_eq!(best_first.run([(0, 1)]).collect().await?, [1, 3, 7, 6, 2, 5, 4]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn by_priority<K: Into<i64>>(mut self, urgency: impl Fn(&Item) -> K + Send + Sync + 'static) -> Self {
        self.order = Order::MostUrgent(Arc::new(move |item| urgency(item).into()));
        self
    }
}

builders! {
    /// The [capacity](Self::capacity) bounds the items in the queue. It also bounds the further outputs that are ready and
    /// not yet taken. With a capacity of zero, a producer sends an item only to a free consumer. The failure policy
    /// applies to producers and consumers. The names of the stages are `producers` and `consumers`, behind the
    /// [name](Self::named) if the pattern has a name.
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
        producers.limit = self.producers.limit.clone();

        let capacity = consumers.capacity.unwrap_or(consumers.limit.get());
        let (sender, receiver) = self.order.queue(capacity);
        let producing = (self.producers.start)(input, scope.clone(), producers, sender.clone());
        (self.start)(Source::produced(producing, receiver), scope, consumers, sender)
    }
}

impl<In, Item, Out> Clone for ProducerConsumer<In, Item, Out> {
    fn clone(&self) -> Self {
        let Self { producers, settings, start, order } = self;
        Self {
            producers: producers.clone(),
            settings: settings.clone(),
            start: Arc::clone(start),
            order: order.clone(),
        }
    }
}

impl<In, Item> Clone for Producers<In, Item> {
    fn clone(&self) -> Self {
        Self { limit: self.limit.clone(), start: Arc::clone(&self.start) }
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
