//! Where the items of a run come from.

mod feed;
mod generate;
mod kept;
mod produced;
mod stream;

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tokio::task::coop;

use crate::failure::{Cause, Failure};
use crate::queue;
use crate::run::Run;
use crate::stage::Stage;

pub(crate) use feed::{Closed, Feed, Filled, Inbox, Item, Place};
pub use generate::Yield;
pub use kept::Kept;

/// The largest capacity of a channel, far beyond what is of use.
const LARGEST_CHANNEL: usize = 1 << 24;

/// Where the items of a run come from.
///
/// Whatever is `IntoIterator`, another source, or a [`Run`] becomes one with `into()`; the constructors
/// make the others. A source is taken from only while the run has room for more, and what is taken
/// together is no more than what is ready now. An error of the source ends it; a panic in the drop of what it was made
/// of is a failure, too, told after that.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_pattern::Source;
///
/// let mut countdown = Source::generate(|out| async move {
///     for n in (1..=3).rev() {
///         out.send(n).await;
///     }
/// });
/// assert_eq!(countdown.next().await.transpose()?, Some(3));
/// # Ok(()) }
/// ```
pub struct Source<T> {
    feed: Box<dyn Feed<T>>,
    /// It has panicked, and is not polled again.
    broken: bool,
}

impl<T: Send + 'static> Source<T> {
    pub(crate) fn of(feed: impl Feed<T> + 'static) -> Self {
        Self { feed: Box::new(feed), broken: false }
    }

    /// The items of a stream.
    pub fn stream(stream: impl Stream<Item = T> + Send + 'static) -> Self {
        Self::of(stream::Streamed::new(stream, Ok))
    }

    /// The items of a stream of `Result`s. The first `Err` is a failure of the run and ends the source.
    pub fn fallible<E>(stream: impl Stream<Item = Result<T, E>> + Send + 'static) -> Self
    where
        E: Into<anyhow::Error> + 'static,
    {
        Self::of(stream::Streamed::new(stream, |item: Result<T, E>| item.map_err(Into::into)))
    }

    /// What is received from an [`async_channel`], until it is closed and empty.
    #[must_use]
    pub fn receiver(receiver: async_channel::Receiver<T>) -> Self {
        Self::of(stream::Received::new(receiver))
    }

    /// A bounded channel: whoever has the sender feeds the run; the source ends when every sender is
    /// dropped or one closes it. Sending waits while `capacity` items are in the channel. Memory for all of them is
    /// taken at once.
    ///
    /// # Panics
    ///
    /// When `capacity` is zero, since such a channel could never hold an item, or more than 16,777,216; at the
    /// caller's location.
    #[track_caller]
    #[must_use]
    pub fn channel(capacity: usize) -> (async_channel::Sender<T>, Self) {
        assert!(capacity > 0, "a channel of capacity 0 could never hold an item; use 1 or more");
        assert!(
            capacity <= LARGEST_CHANNEL,
            "a channel takes memory for all of its {capacity} items at once; use {LARGEST_CHANNEL} or fewer"
        );
        let (sender, receiver) = async_channel::bounded(capacity);
        (sender, Self::receiver(receiver))
    }

    /// An asynchronous generator, Python's `async def` with `yield`: what `generator` sends is the next
    /// item, and it goes on only when that has been taken. The source ends when `generator` returns.
    ///
    /// It is polled as part of the source, by no task of its own; dropping the source drops it.
    pub fn generate<F, Fut>(generator: F) -> Self
    where
        F: FnOnce(Yield<T>) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self::of(generate::Generated::new(generator))
    }

    /// As [`Source::generate`], of a generator that can fail: its error is a failure of the run.
    pub fn try_generate<F, Fut>(generator: F) -> Self
    where
        F: FnOnce(Yield<T>) -> Fut,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        Self::of(generate::Generated::fallible(generator))
    }

    /// What the jobs of a run put into a queue, for the run that consumes it: with both, whoever writes a
    /// pattern has producers and consumers.
    ///
    /// The source ends when no producer runs, the queue is empty *and* no job runs on an item of this source:
    /// so these jobs may put items, too (only ever with [`try_put`](queue::Producer::try_put): a job that waits
    /// for room that only its like can make may wait for ever). An item put by a producer
    /// [of an input](queue::Producer::of_input) keeps the index of that.
    #[must_use]
    pub fn produced(producers: Run<()>, queue: queue::Consumer<T>) -> Self {
        Self::of(produced::Produced::new(producers.into_feed(), queue))
    }

    /// The source, and a handle that has, when the run is over, everything of it that was never begun.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_pattern::Source;
    ///
    /// let (source, kept) = Source::from(vec!["a", "b"]).kept();
    /// drop(source); // instead of a run that was stopped
    /// let mut rest = kept.take().expect("the source is not in use any more");
    /// assert_eq!(rest.next().await.transpose()?, Some("a"));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn kept(self) -> (Self, Kept<T>) {
        kept::keep(self)
    }

    /// The next item, taken by hand; `None` at the end.
    ///
    /// # Cancel-safety
    ///
    /// Cancel-safe: an item is either returned or still in the source.
    pub async fn next(&mut self) -> Option<Result<T, Failure>> {
        let mut inbox = Inbox::default();
        let filled = poll_fn(|cx| {
            let proceed = ready!(coop::poll_proceed(cx));
            match self.poll_fill(cx, 1, &mut inbox) {
                Filled::Waiting if inbox.is_empty() => Poll::Pending,
                filled => {
                    proceed.made_progress();
                    Poll::Ready(filled)
                }
            }
        })
        .await;
        match (inbox.pop_front(), filled) {
            (Some(item), _) => Some(Ok(item.value)),
            (None, Filled::Failed(failure)) => Some(Err(failure)),
            (None, _) => None,
        }
    }
}

impl<T> Source<T> {
    /// Takes up to `max` items that are ready now. A panic is a failure, and the end.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>, max: usize, into: &mut Inbox<T>) -> Filled {
        let filled = catch_unwind(AssertUnwindSafe(|| {
            if self.broken {
                self.feed.let_go();
                return Filled::Ended;
            }
            self.feed.fill(cx, max, into)
        }));
        filled.unwrap_or_else(|payload| {
            self.broken = true;
            Filled::Failed(Failure::new(None, &Arc::from("source"), Cause::of_panic(payload)))
        })
    }

    /// Whether it makes progress only while it is polled.
    pub(crate) fn needs_polling(&self) -> bool {
        self.feed.needs_polling()
    }

    /// Whether taking from it may take long.
    pub(crate) fn computes(&self) -> bool {
        self.feed.computes()
    }

    /// Whether its items wait in a queue, where they count.
    pub(crate) fn is_queue(&self) -> bool {
        self.feed.is_queue()
    }

    /// The stages that the items have passed before.
    pub(crate) fn stages(&self) -> Vec<Arc<dyn Stage>> {
        self.feed.stages()
    }

    /// Stops what is behind the source, and waits until nothing of it is left; what is found there is in `closed` as
    /// soon as it is found.
    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>, closed: &mut Closed<T>) -> Poll<()> {
        self.feed.poll_close(cx, closed)
    }

    /// Gives back items that were taken from it and never begun, in the order of their taking; those that
    /// nobody asked to keep are returned.
    pub(crate) fn give_back(&mut self, items: VecDeque<(usize, T)>) -> VecDeque<(usize, T)> {
        self.feed.give_back(items)
    }
}

impl<T, I> From<I> for Source<T>
where
    I: IntoIterator<Item = T>,
    I::IntoIter: Send + 'static,
    T: Send + 'static,
{
    fn from(items: I) -> Self {
        Self::of(feed::Iterated::new(items.into_iter()))
    }
}

impl<T: Send + 'static> From<Run<T>> for Source<T> {
    fn from(run: Run<T>) -> Self {
        Self::of(run.into_feed())
    }
}

impl<T> std::fmt::Debug for Source<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}
