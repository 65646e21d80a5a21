//! A source of any kind behind one type.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tokio::task::coop;

use crate::failure::{Cause, Failure};
use crate::item::{Item, ItemBatch};
use crate::upstream::Links;
use crate::util::panic::catch;

use super::generator::Yield;
use super::poll_source::{self, Closed, PollBatch, PollSource};
use super::woken::WokenParts;
use super::{adapters, generator};

/// The largest capacity of a channel, far beyond any useful capacity.
const LARGEST_CHANNEL: usize = 1 << 24;

/// A source of items, for a run.
///
/// [`Source::new`] creates a source from an iterator, a stream, a receiver or a [`Run`](crate::Run); the other
/// constructors create sources from fallible streams, channels and generators. A run polls its source only while the run
/// is below its bound. One poll takes only items that are ready now.
///
/// The error of a fallible stream or generator ends the source. A panic of the iterator, stream or generator also ends
/// the source. A panic in the drop of the iterator, stream or generator is a failure as well; after an error, the panic
/// is the second failure.
///
/// At its end, a source drops its iterator, stream, generator or receiver, even while jobs run. So a job may wait for the
/// drop, for example for the drop of a sender that the generator owns. The poll after the last item finds the end. A stage
/// makes this poll once a job is free and the stage is below its bound. After the end, the source never polls its
/// iterator, stream, generator or receiver again.
///
/// # Examples
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
    inner: Box<dyn PollSource<T>>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The source has no more items. No poll follows, unless items are given back.
    Exhausted,
    /// A failure has ended the source. The next poll, or the close, releases the value of the source.
    Broken,
}

impl<T: Send + 'static> Source<T> {
    pub(crate) fn of(inner: impl PollSource<T> + 'static) -> Self {
        Self { inner: Box::new(inner), state: State::Open }
    }

    /// Creates a source from a stream of `Result`s. The first `Err` is a failure of the run and ends the source.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::io;
    /// use towpath_pattern::Source;
    ///
    /// let lines = tokio_stream::iter([Ok("first"), Err(io::Error::from(io::ErrorKind::UnexpectedEof))]);
    /// let mut source = Source::try_stream(lines);
    /// assert_eq!(source.next().await.transpose()?, Some("first"));
    /// let failure = source.next().await.expect("the error").expect_err("the file is too short");
    /// assert!(failure.downcast_ref::<io::Error>().is_some());
    /// assert!(source.next().await.is_none());
    /// # Ok(()) }
    /// ```
    pub fn try_stream<E>(stream: impl Stream<Item = Result<T, E>> + Send + 'static) -> Self
    where
        E: Into<anyhow::Error> + 'static,
    {
        Self::of(adapters::StreamSource::new(stream, |item: Result<T, E>| item.map_err(Into::into)))
    }

    /// Creates a bounded channel and a source from its receiver. The source ends when all senders are dropped or a
    /// sender closes the channel. Sending waits while `capacity` items are in the channel. The call allocates the memory
    /// for all `capacity` items.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if `capacity` is zero: such a channel could never hold an item. Also panics if
    /// `capacity` is more than 16,777,216.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use towpath_pattern::{Run, Scope, Settings, Source};
    ///
    /// let (sender, source) = Source::channel(16);
    /// let scope = Scope::new("measure");
    /// scope.spawn("read", async move {
    ///     for line in ["to", "path"] {
    ///         if sender.send(line).await.is_err() {
    ///             break; // the run has ended
    ///         }
    ///     }
    ///     Ok(()) // drops the last sender, which ends the source
    /// });
    /// let measure = Arc::new(|line: &'static str| async move { Ok(line.len()) });
    /// let run = Run::spawn(scope.clone(), source, Settings::new("measure", 1), measure);
    /// assert_eq!(run.collect().await?, [2, 4]);
    /// scope.wait().await?;
    /// # Ok(()) }
    /// ```
    #[track_caller]
    #[must_use]
    pub fn channel(capacity: usize) -> (async_channel::Sender<T>, Self) {
        assert!(capacity > 0, "a channel of capacity 0 could never hold an item; use 1 or more");
        assert!(
            capacity <= LARGEST_CHANNEL,
            "a channel takes memory for all of its {capacity} items at once; use {LARGEST_CHANNEL} or fewer"
        );
        let (sender, receiver) = async_channel::bounded(capacity);
        (sender, Self::of(adapters::ChannelSource::new(receiver)))
    }

    /// Creates a source from an asynchronous generator, as `async def` with `yield` in Python. The generator sends the
    /// items of the source. A send waits until a stage has taken the item. The source ends when the generator returns.
    ///
    /// The source polls the generator, so no task is spawned. Dropping the source drops the generator.
    pub fn generate<F, Fut>(generator: F) -> Self
    where
        F: FnOnce(Yield<T>) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self::of(generator::GeneratorSource::new(generator))
    }

    /// Creates a source from an asynchronous generator that returns a `Result`; otherwise like [`Source::generate`]. An
    /// error of the generator is a failure of the run.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_pattern::{Source, anyhow};
    ///
    /// async fn page(number: usize) -> anyhow::Result<Vec<&'static str>> {
    ///     match number {
    ///         0 => Ok(vec!["first", "second"]),
    ///         _ => anyhow::bail!("page {number} is missing"),
    ///     }
    /// }
    ///
    /// let mut entries = Source::try_generate(|out| async move {
    ///     for number in 0.. {
    ///         for entry in page(number).await? {
    ///             out.send(entry).await;
    ///         }
    ///     }
    ///     Ok(())
    /// });
    /// assert_eq!(entries.next().await.transpose()?, Some("first"));
    /// assert_eq!(entries.next().await.transpose()?, Some("second"));
    /// let failure = entries.next().await.expect("the error").expect_err("the page is missing");
    /// assert_eq!(format!("{:#}", failure.cause()), "page 1 is missing");
    /// # Ok(()) }
    /// ```
    pub fn try_generate<F, Fut>(generator: F) -> Self
    where
        F: FnOnce(Yield<T>) -> Fut,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        Self::of(generator::GeneratorSource::try_new(generator))
    }

    /// Returns the next item, or a failure of the source, without a run. Returns `None` at the end.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: an item is either returned or still in the source.
    pub async fn next(&mut self) -> Option<Result<T, Failure>> {
        let mut batch = ItemBatch::default();
        let polled = poll_fn(|cx| {
            let proceed = ready!(coop::poll_proceed(cx));
            loop {
                let polled = self.poll_batch(cx, 1, &mut batch);
                match polled {
                    PollBatch::Pending if batch.is_empty() => return Poll::Pending,
                    PollBatch::Quiescent if batch.is_empty() && !self.seal() => {}
                    // All items so far are held.
                    PollBatch::Ready if batch.is_empty() => {}
                    _ => {
                        proceed.made_progress();
                        return Poll::Ready(polled);
                    }
                }
            }
        })
        .await;
        match (batch.pop_front(), polled) {
            (Some(item), _) => Some(Ok(item.value)),
            (None, PollBatch::Failed(failure)) => Some(Err(failure)),
            (None, _) => None,
        }
    }

    /// Closes the channel of the source: a later `send` returns its item as an error, and the items in the channel remain. So
    /// the source ends, although senders live.
    ///
    /// The source may also be a merge, chunks or elements of sources, or the source of a [`Kept`](crate::Kept). Sources without
    /// a channel stay as they are: an iterator, a generator, and a stream, even if the stream has a receiver inside.
    ///
    /// # Examples
    ///
    /// The items that a drained run has not started, while a sender lives:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use tokio::time::sleep;
    /// use towpath_pattern::{Run, Scope, Settings, Source};
    ///
    /// let (sender, source) = Source::channel(4);
    /// let (source, kept) = source.kept();
    /// let nap = Arc::new(|_: u64| async move { Ok(sleep(Duration::from_secs(1)).await) });
    /// let run = Run::spawn(Scope::default(), source, Settings::new("nap", 1).capacity(0), nap);
    /// for item in 0..4 {
    ///     sender.send(item).await?;
    /// }
    /// sleep(Duration::from_millis(1)).await;
    /// run.drain(Duration::from_secs(10)).await;
    ///
    /// let rest = kept.take().expect("the run is over").close().collect().await?;
    /// assert_eq!(rest, [1, 2, 3]);
    /// assert!(sender.send(4).await.is_err());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn close(mut self) -> Self {
        self.close_channels();
        self
    }

    /// Returns all items until the end of the source, without a run, for example the items of
    /// [`Kept::take`](crate::Kept::take).
    ///
    /// A source without an end has no such vector: use [`Source::next`]. The source of a channel ends when no sender lives, or
    /// after [`Source::close`].
    ///
    /// # Errors
    ///
    /// Returns the first failure of the source. The items before the failure are dropped, and the source takes no further
    /// item.
    ///
    /// # Cancel safety
    ///
    /// This method is not cancel safe: dropping the future drops the items.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use towpath_pattern::{Run, Scope, Settings, Source};
    ///
    /// let (items, kept) = Source::new(0..5).kept();
    /// let job = Arc::new(|x: u64| async move { if x == 1 { anyhow::bail!("item 1 fails") } else { Ok(x) } });
    /// let run = Run::spawn(Scope::default(), items, Settings::new("job", 1), job);
    /// assert!(run.collect().await.is_err());
    /// assert_eq!(kept.take().expect("the run is over").collect().await?, [2, 3, 4]);
    /// # Ok(()) }
    /// ```
    pub async fn collect(mut self) -> Result<Vec<T>, Failure> {
        let mut items = Vec::new();
        while let Some(item) = self.next().await {
            items.push(item?);
        }
        Ok(items)
    }
}

impl<T> Source<T> {
    /// Takes up to `max` items that are ready now. A panic is a failure and ends the source.
    pub(crate) fn poll_batch(
        &mut self,
        cx: &mut Context<'_>,
        max: usize,
        into: &mut ItemBatch<T>,
    ) -> PollBatch {
        let polled = catch(|| match self.state {
            State::Open => self.inner.poll_batch(cx, max, into),
            State::Exhausted => PollBatch::Exhausted,
            State::Broken => {
                self.release();
                PollBatch::Exhausted
            }
        });
        let polled = polled.unwrap_or_else(|payload| {
            self.state = State::Broken;
            PollBatch::Failed(poll_source::source_error(None, Cause::from_panic(payload)))
        });
        match polled {
            PollBatch::Exhausted => self.state = State::Exhausted,
            PollBatch::Failed(_) if self.inner.ends_at_failure() => self.state = State::Broken,
            _ => {}
        }
        polled
    }

    /// Ends a source that was quiescent when no job ran on its items; returns `false` if there are items again.
    pub(crate) fn seal(&mut self) -> bool {
        let sealed = self.inner.seal();
        if sealed {
            self.state = State::Exhausted;
        }
        sealed
    }

    /// Returns whether the source makes progress only during a poll.
    pub(crate) fn needs_polling(&self) -> bool {
        self.inner.needs_polling()
    }

    /// Returns whether a poll may take long.
    pub(crate) fn computes(&self) -> bool {
        self.inner.computes()
    }

    /// Returns whether the items wait in a queue with a separate capacity.
    pub(crate) fn is_queue(&self) -> bool {
        self.inner.is_queue()
    }

    /// Returns the links to the stages behind the source.
    pub(crate) fn upstream(&self) -> Links {
        self.inner.upstream()
    }

    /// Stops the upstream stage; ready when nothing of the upstream stage is left. `closed` gets a value as soon as
    /// the value is found.
    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>, closed: &mut Closed<T>) -> Poll<()> {
        if self.state == State::Broken
            && let Err(payload) = catch(|| self.release())
        {
            // A source around this source goes on with the close of its other sources.
            closed.failures.push(poll_source::source_error(None, Cause::from_panic(payload)));
        }
        self.inner.poll_close(cx, closed)
    }

    /// Closes a source that is about to be dropped before the upstream stage has finished.
    pub(crate) fn close_now(&mut self, closed: &mut Closed<T>) {
        self.inner.close_now(closed);
    }

    pub(super) fn close_channels(&mut self) {
        self.inner.close_channels();
    }

    /// Returns the number of items that the source has taken and holds.
    pub(crate) fn held(&self) -> usize {
        self.inner.held()
    }

    /// Returns the wake-ups of the items that the source holds for limiters.
    pub(crate) fn woken(&self) -> Option<Arc<WokenParts>> {
        self.inner.woken()
    }

    /// Returns whether the source is in the wait list of a limiter, or holds a permit of an item that it holds.
    pub(crate) fn waits_for_permits(&self) -> bool {
        self.inner.waits_for_permits()
    }

    /// Returns whether the items of the source have permits of limiters.
    pub(crate) fn is_limited(&self) -> bool {
        self.inner.is_limited()
    }

    /// Releases the permits of items that are never started.
    pub(crate) fn release_permits(&mut self, items: &mut VecDeque<Item<T>>) {
        self.inner.release_permits(items);
    }

    /// Takes out the items that the source holds, in the order of their numbers.
    pub(crate) fn take_held(&mut self) -> VecDeque<Item<T>> {
        self.inner.take_held()
    }

    /// Ends a source that no poll follows, while the jobs of the run complete.
    pub(crate) fn stop(&mut self) {
        self.inner.stop();
    }

    /// Ends the sources next to a run: the items that these sources hold follow at later polls.
    pub(crate) fn end_plain(&mut self) {
        self.inner.end_plain();
    }

    /// Hands the held items on at the next poll, without further items.
    pub(super) fn complete_held(&mut self) {
        self.inner.complete_held();
    }

    /// Records that the source is kept.
    pub(super) fn keep(&mut self) {
        self.inner.keep();
    }

    /// Reverts an end of the taking, after the run and before a further use; returns whether there may be more items.
    pub(super) fn reopen(&mut self) -> bool {
        let open = self.inner.reopen();
        if open && self.state == State::Exhausted {
            self.state = State::Open;
        }
        open
    }

    /// Ends the source, and releases its value.
    pub(super) fn release(&mut self) {
        self.state = State::Exhausted;
        self.inner.release();
    }

    /// Returns whether the source keeps items that are given back.
    pub(super) fn keeps(&self) -> bool {
        self.inner.keeps()
    }

    /// Returns whether the source keeps items that are given back. If so, the source is made ready for one more run.
    pub(super) fn keep_again(&mut self) -> bool {
        self.inner.keep_again()
    }

    /// Takes back items that were taken and never started, in the order of taking; returns the items that the source
    /// does not keep.
    pub(crate) fn give_back(&mut self, items: VecDeque<(usize, T)>) -> VecDeque<(usize, T)> {
        if items.is_empty() {
            return items;
        }
        let returned = self.inner.give_back(items);
        if returned.is_empty() && self.state == State::Exhausted {
            self.state = State::Open;
        }
        returned
    }
}

impl<T> std::fmt::Debug for Source<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}
