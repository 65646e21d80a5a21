//! The types of a run's input.

use std::any::Any;

use futures_core::Stream;
use tokio::sync::mpsc;

use super::adapters::{ChannelSource, IteratorSource, ReceiverSource, StreamSource};
use super::erased::Source;

/// A type that becomes a [`Source`] of items of type `T`: the input of a run.
///
/// [`PatternExt::run`](crate::PatternExt::run) and [`Source::new`] take the following types:
///
/// | input | items |
/// |---|---|
/// | any `IntoIterator` | the items of the iterator |
/// | any `Stream` | the items of the stream; for a stream of `Result`s, see [`Source::try_stream`] |
/// | the receivers of `tokio::sync::mpsc` and of [`async_channel`] | the received items, until the channel is closed and empty |
/// | a [`Run`](crate::Run) | the outputs of the run; [failures](#a-run-as-the-input-failures-in-a-chain) come in place of items |
/// | a [`Source`] | the items of the source |
///
/// # Blocking inputs
///
/// An iterator that blocks also blocks a thread of the runtime. The receivers of `std::sync::mpsc`, crossbeam and flume
/// implement `IntoIterator`, so `run(receiver)` compiles, and blocks a thread whenever the channel is empty. Use a
/// [`Source::channel`] in place of such a channel. An iterator that blocks sends its items to a [`Source::channel`] from
/// `tokio::task::spawn_blocking`.
///
/// # A run as the input: failures in a chain
///
/// An item that fails in a stage goes no further. The failure goes to the next stage in place of the item, keeps the name of its
/// stage and the index of its input, and comes out at the end of the chain. Every stage follows its own
/// [`OnFailure`](crate::OnFailure):
///
/// | the stage of the failure | the next stage | effect |
/// |---|---|---|
/// | `Stop` | `Stop` | both stages stop at once. The jobs of the next stage are cancelled, and the last run yields the failure |
/// | `Stop` | `Continue` | the next stage completes the items that it gets, then yields the failure, and ends |
/// | `Continue` | `Stop` | the next stage stops when the failure comes in place of an item, and so does the stage before |
/// | `Continue` | `Continue` | the last run yields the failure in place of an output, and both stages go on |
///
/// [`Tolerate`](crate::OnFailure::Tolerate) is `Continue` for its number of failures, and then `Stop`. A failure from the stage before counts
/// as one.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use std::sync::Arc;
/// use towpath_pattern::{OnFailure, Run, Scope, Settings, Source};
///
/// let parse = Arc::new(|line: &'static str| async move { Ok(line.parse::<u64>()?) });
/// let double = Arc::new(|x: u64| async move { Ok(2 * x) });
/// let start = |on_failure| {
///     let settings = |name: &str| Settings::new(name, 1).on_failure(on_failure);
///     let lines = Source::new(["1", "two", "3"]);
///     let parsed = Run::spawn(Scope::default(), lines, settings("parse"), Arc::clone(&parse));
///     Run::spawn(Scope::default(), Source::new(parsed), settings("double"), Arc::clone(&double))
/// };
///
/// // The failure of the first stage is the failure of the last run.
/// let failure = start(OnFailure::Stop).collect().await.expect_err("no number");
/// assert_eq!((failure.stage(), failure.index()), ("parse", Some(1)));
///
/// let (outcomes, report) = start(OnFailure::Continue).outcomes().await;
/// let outputs: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
/// assert_eq!((outputs, outcomes.len()), (vec![&2, &6], 3));
/// assert_eq!(report.to_string(), "parse: 3 taken, 2 succeeded, 1 errored; double: 2 taken, 2 succeeded");
/// # Ok(()) }
/// ```
///
/// # The kind
///
/// `Kind` is [`AsIterator`], [`AsStream`] or [`AsSource`], and is usually inferred. For a type that is both an iterator
/// and a stream, the call names the kind:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use towpath_pattern::{AsIterator, Source};
///
/// let mut source = Source::new::<AsIterator>([1, 2]);
/// assert_eq!(source.next().await.unwrap().unwrap(), 1);
/// # }
/// ```
///
/// A function with a generic input has both parameters:
///
/// ```
/// use towpath_pattern::{IntoSource, PatternExt, Run};
///
/// fn all<P: PatternExt<u64>, Kind>(pattern: &P, items: impl IntoSource<u64, Kind>) -> Run<P::Out> {
///     pattern.run(items)
/// }
/// ```
///
/// # Examples
///
/// A type of another crate implements the trait with the kind [`AsSource`]:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use towpath_pattern::{AsSource, IntoSource, Source};
///
/// struct Pages {
///     last: u32,
/// }
///
/// impl IntoSource<u32, AsSource> for Pages {
///     fn into_source(self) -> Source<u32> {
///         Source::new(1..=self.last)
///     }
/// }
///
/// let mut pages = Source::new(Pages { last: 3 });
/// assert_eq!(pages.next().await.unwrap().unwrap(), 1);
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a source of items of type `{T}`",
    label = "no iterator, stream, receiver, `Run` or `Source` of `{T}`",
    note = "a run takes any `IntoIterator`, any `Stream`, the receivers of `tokio::sync::mpsc` and of `async_channel`, another `Run`, or a `Source`; it is `Send + 'static`, and its items are `{T}`",
    note = "items of another type: `.map(…)` of the iterator or stream; a stream of `Result`s: `Source::try_stream(stream)`; a value that borrows: `.to_vec()` or `.into_iter()`, and not `.iter()`"
)]
pub trait IntoSource<T, Kind> {
    /// Creates the source.
    fn into_source(self) -> Source<T>;
}

/// The [kind](IntoSource#the-kind) of an iterator.
#[derive(Clone, Copy, Debug)]
pub enum AsIterator {}

/// The [kind](IntoSource#the-kind) of a stream.
#[derive(Clone, Copy, Debug)]
pub enum AsStream {}

/// The [kind](IntoSource#the-kind) of a type that implements [`IntoSource`] directly.
#[derive(Clone, Copy, Debug)]
pub enum AsSource {}

impl<T> Source<T> {
    /// Creates a source from an iterator, a stream, a receiver or a run; [`IntoSource`] has the list.
    ///
    /// [`PatternExt::run`](crate::PatternExt::run) takes the same inputs directly. Create a source to call
    /// [`Source::next`] or [`Source::kept`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_pattern::Source;
    ///
    /// let (sender, receiver) = tokio::sync::mpsc::channel(4);
    /// sender.send("hello").await?;
    /// let mut source = Source::new(receiver);
    /// assert_eq!(source.next().await.transpose()?, Some("hello"));
    /// # Ok(()) }
    /// ```
    pub fn new<Kind>(input: impl IntoSource<T, Kind>) -> Self {
        input.into_source()
    }
}

impl<T, I> IntoSource<T, AsIterator> for I
where
    I: IntoIterator<Item = T>,
    I::IntoIter: Send + 'static,
    T: Send + 'static,
{
    fn into_source(self) -> Source<T> {
        Source::of(IteratorSource::new(self.into_iter()))
    }
}

impl<T, S> IntoSource<T, AsStream> for S
where
    S: Stream<Item = T> + Send + 'static,
    T: Send + 'static,
{
    fn into_source(self) -> Source<T> {
        let mut stream = Some(self);
        // The receiver of an async-channel is a stream, and makes progress without a poll.
        let receiver = (&mut stream as &mut dyn Any).downcast_mut::<Option<async_channel::Receiver<T>>>();
        if let Some(receiver) = receiver.and_then(Option::take) {
            return Source::of(ChannelSource::new(receiver));
        }
        Source::of(StreamSource::new(stream.expect("taken as a receiver alone"), Ok))
    }
}

impl<T> IntoSource<T, AsSource> for Source<T> {
    fn into_source(self) -> Source<T> {
        self
    }
}

impl<T: Send + 'static> IntoSource<T, AsSource> for mpsc::Receiver<T> {
    fn into_source(self) -> Source<T> {
        Source::of(ReceiverSource::new(self))
    }
}

impl<T: Send + 'static> IntoSource<T, AsSource> for mpsc::UnboundedReceiver<T> {
    fn into_source(self) -> Source<T> {
        Source::of(ReceiverSource::new(self))
    }
}
