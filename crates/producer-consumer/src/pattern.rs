//! The pattern: a stage of producers, a queue, a stage of consumers.

use std::marker::PhantomData;
use std::sync::Arc;

use towpath_pattern::queue::{self, Receiver, Sender};
use towpath_pattern::{
    IntoJobLimit, Job, JobLimit, LimitedBy, Limiter, Limits, Pattern, Run, Scope, Settings, Source, anyhow,
    builders,
};

use crate::handles::{QueueSender, QueueTrySender};
use crate::stages::{Consume, ConsumeAndSend, Consumer, Produce};

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
pub struct ProducerConsumer<P, C, L = ()> {
    producers: P,
    /// The settings of the consumers. [`Pattern::start`] derives the settings of the producers. An empty name stands for no
    /// name.
    settings: Settings,
    consumers: C,
    limits: L,
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
/// use towpath_producer_consumer::{PatternExt, ProducerConsumer};
///
/// let numbers = ProducerConsumer::producers(2, |count: u64, queue| async move {
///     for number in 0..count {
///         queue.send(number).await?;
///     }
///     Ok(())
/// });
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
pub struct Producers<In, Item, J, L = ()> {
    limit: JobLimit,
    job: Arc<J>,
    limits: L,
    order: Order<Item>,
    types: PhantomData<fn(In)>,
}

impl ProducerConsumer<(), ()> {
    /// Creates producers, which apply `job` to each input, with at most `limit` jobs at once. A job sends any number of
    /// items to the queue.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if `limit` is zero.
    #[track_caller]
    pub fn producers<In, Item, J, Fut>(limit: impl IntoJobLimit, job: J) -> Producers<In, Item, J>
    where
        In: Send + 'static,
        Item: Send + 'static,
        J: Fn(In, QueueSender<Item>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send,
    {
        let limit = limit.into_job_limit();
        Producers { limit, job: Arc::new(job), limits: (), order: Order::Oldest, types: PhantomData }
    }

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
    pub fn items<Item: Send + 'static>() -> Producers<Item, Item, impl Produce<Item, Item>> {
        ProducerConsumer::producers(1, |item: Item, queue: QueueSender<Item>| async move {
            // The queue is closed only at the end of the run, when the jobs of the producers are gone.
            queue.send(item).await.map_err(|_| anyhow::anyhow!("the queue is closed"))
        })
    }
}

impl<In, Item, J, L> Producers<In, Item, J, L> {
    /// Adds a limiter to the producers. The job of an input then runs with a permit of every limiter of the producers. See
    /// [`Limiter`](crate::Limiter).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_limit::per_key;
    /// use towpath_producer_consumer::{PatternExt, ProducerConsumer};
    ///
    /// // At most one producer at a time for every host.
    /// let crawl = ProducerConsumer::producers(4, |host: &'static str, queue| async move {
    ///     queue.send(host.len()).await?;
    ///     Ok(())
    /// });
    /// let crawl = crawl.limited_by(&per_key(1, |host: &&'static str| *host));
    /// let sizes = crawl.consumers(2, |size: usize| async move { Ok(size) });
    /// assert_eq!(sizes.run(["a.example"]).collect().await?, [9]);
    /// # Ok(()) }
    /// ```
    pub fn limited_by<M>(self, limiter: &M) -> Producers<In, Item, J, LimitedBy<L, M>>
    where
        M: Limiter<In> + Clone,
    {
        let Self { limit, job, limits, order, types } = self;
        Producers { limit, job, limits: LimitedBy::new(limits, limiter), order, types }
    }

    /// Adds consumers, which apply `job` to each item of the queue, with at most `limit` jobs at once.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if `limit` is zero.
    #[track_caller]
    #[must_use]
    pub fn consumers<C: Job<Item>>(
        self,
        limit: impl IntoJobLimit,
        job: C,
    ) -> ProducerConsumer<Self, Consume<C>> {
        self.with_consumers(limit.into_job_limit(), Consume(Arc::new(job)))
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
    ) -> ProducerConsumer<Self, ConsumeAndSend<C>>
    where
        C: Fn(Item, QueueTrySender<Item>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<Out>> + Send,
        Out: Send + 'static,
    {
        self.with_consumers(limit.into_job_limit(), ConsumeAndSend(Arc::new(job)))
    }

    fn with_consumers<C>(self, limit: JobLimit, consumers: C) -> ProducerConsumer<Self, C> {
        let settings = Settings::new("", limit);
        ProducerConsumer { producers: self, settings, consumers, limits: () }
    }
}

impl<In, Item, J, M, C, L> ProducerConsumer<Producers<In, Item, J, M>, C, L> {
    /// Adds a limiter to the consumers, for example a rate, a semaphore or an order for equal keys. The job of an item then
    /// runs with a permit of every limiter of the consumers. See [`Limiter`](crate::Limiter).
    ///
    /// An item that waits for a permit without a slot is out of the queue, and counts against the limit plus the
    /// capacity of the consumers.
    ///
    /// The order of the items is the order of the queue. Several producers send in any order, so an order for equal
    /// keys needs a single producer for each key, for example [`ProducerConsumer::items`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_limit::per_key;
    /// use towpath_producer_consumer::{PatternExt, ProducerConsumer};
    ///
    /// // The items with equal keys one after the other.
    /// let apply = ProducerConsumer::items()
    ///     .consumers(4, |item: u64| async move { Ok(item) })
    ///     .limited_by(&per_key(1, |item: &u64| item % 10));
    /// assert_eq!(apply.run([1, 11, 2]).collect().await?.len(), 3);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn limited_by<N>(self, limiter: &N) -> ProducerConsumer<Producers<In, Item, J, M>, C, LimitedBy<L, N>>
    where
        N: Limiter<Item> + Clone,
    {
        let Self { producers, settings, consumers, limits } = self;
        ProducerConsumer { producers, settings, consumers, limits: LimitedBy::new(limits, limiter) }
    }
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
        self.producers.order = Order::Newest;
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
        self.producers.order = Order::MostUrgent(Arc::new(move |item| urgency(item).into()));
        self
    }
}

builders! {
    /// The [capacity](Self::capacity) bounds the items in the queue. The capacity also bounds the further outputs that
    /// are ready and not yet taken. With a capacity of zero, a producer sends an item only to a free consumer. The
    /// failure policy applies to producers and consumers. The names of the stages are `producers` and `consumers`,
    /// behind the [name](Self::named) if the pattern has a name.
    ///
    /// An [observer](Self::observed) observes producers and consumers. An adaptive limit observes only the stage under the
    /// limit.
    ///
    /// The pattern has no method `ordered`: a producer sends any number of items, so the outputs have no order of inputs. A
    /// fan-out of `Source::generate` has an order.
    ProducerConsumer<P, C, L>
}

// An error names the pattern and its items, and not the jobs.
#[diagnostic::do_not_recommend]
impl<In, Item, J, M, C, L> Pattern<In> for ProducerConsumer<Producers<In, Item, J, M>, C, L>
where
    In: Send + 'static,
    Item: Send + 'static,
    J: Produce<In, Item>,
    M: Limits<In>,
    C: Consumer<Item>,
    L: Limits<Item>,
{
    type Out = C::Out;

    /// A producer sends any number of items.
    fn is_one_to_one(&self) -> bool {
        false
    }

    fn start(&self, input: Source<In>, scope: Scope) -> Run<C::Out> {
        let settings = |stage: &str| match &*self.settings.name {
            "" => self.settings.clone().named(stage),
            name => self.settings.clone().named(format!("{name} {stage}")),
        };
        let consumers = settings("consumers");
        let mut producers = settings("producers").capacity(0);
        producers.limit = self.producers.limit.clone();

        let capacity = consumers.capacity.unwrap_or(consumers.limit.get());
        let Producers { job, limits, order, .. } = &self.producers;
        let (sender, receiver) = order.queue(capacity);
        let producing = crate::stages::produce(input, scope.clone(), producers, limits, job, sender.clone());
        let source = Source::produced(producing, receiver);
        self.consumers.start(source, scope, consumers, &self.limits, sender)
    }
}

impl<P: Clone, C: Clone, L: Clone> Clone for ProducerConsumer<P, C, L> {
    fn clone(&self) -> Self {
        let Self { producers, settings, consumers, limits } = self;
        Self {
            producers: producers.clone(),
            settings: settings.clone(),
            consumers: consumers.clone(),
            limits: limits.clone(),
        }
    }
}

impl<In, Item, J, L: Clone> Clone for Producers<In, Item, J, L> {
    fn clone(&self) -> Self {
        let Self { limit, job, limits, order, types } = self;
        Self {
            limit: limit.clone(),
            job: Arc::clone(job),
            limits: limits.clone(),
            order: order.clone(),
            types: *types,
        }
    }
}
