//! Sources of every kind, with witnesses of the value of the source.

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use futures_util::StreamExt;
use tokio::time::sleep;
use towpath_fanout::Fanout;
use towpath_pattern::{
    Kept, OnFailure, PatternExt, Run, Scope, Settings, Source, Taken, Yield, anyhow, queue,
};

/// The message of a source that fails at its end.
pub const FAILS: &str = "fails at the end";

/// The value that a source is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Iterator,
    Stream,
    /// A stream that is pending before each item.
    SlowStream,
    Fallible,
    Generate,
    TryGenerate,
    Receiver,
    Channel,
}

/// The end of the items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Quiet,
    Error,
    /// The value panics in the poll that finds no more items.
    Panic,
    /// The value panics in its drop.
    DropPanic,
}

/// The way of the items from the value to the source.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    Direct,
    Kept,
    KeptAgain,
    Run,
    Produced,
    Merged,
    Chunks,
}

/// A source, and the witnesses of its value.
pub struct Watched {
    pub source: Source<usize>,
    pub gone: Gone,
    /// The number of polls of the value after its end.
    pub polls_after_end: Arc<AtomicUsize>,
    /// The handles of the way.
    kept: Vec<Kept<usize>>,
}

/// Returns every kind of source with every end of the kind, on every way.
pub fn all() -> impl Iterator<Item = (Kind, End, Way)> {
    let kinds = [
        (Kind::Iterator, &[End::Quiet, End::Panic, End::DropPanic][..]),
        (Kind::Stream, &[End::Quiet, End::Panic, End::DropPanic]),
        (Kind::SlowStream, &[End::Quiet, End::Panic, End::DropPanic]),
        (Kind::Fallible, &[End::Quiet, End::Error, End::Panic, End::DropPanic]),
        (Kind::Generate, &[End::Quiet, End::Panic, End::DropPanic]),
        (Kind::TryGenerate, &[End::Quiet, End::Error, End::Panic, End::DropPanic]),
        (Kind::Receiver, &[End::Quiet]),
        (Kind::Channel, &[End::Quiet]),
    ];
    let ways = [Way::Direct, Way::Kept, Way::KeptAgain, Way::Run, Way::Produced, Way::Merged, Way::Chunks];
    let ends = kinds.into_iter().flat_map(|(kind, ends)| ends.iter().map(move |&end| (kind, end)));
    ends.flat_map(move |(kind, end)| ways.map(|way| (kind, end, way)))
}

/// Creates a source of the items `0..items`.
pub fn watched(kind: Kind, items: usize, end: End) -> Watched {
    let (owned, gone) = towpath_pattern::async_channel::bounded(1);
    let polls_after_end = Arc::new(AtomicUsize::new(0));
    let witness = Arc::clone(&polls_after_end);
    let value = Value { items: 0..items, end, has_ended: false, polls_after_end: witness, _owned: owned };
    let mut gone = Gone::Value(gone);
    let source = match kind {
        Kind::Iterator => Source::new(value),
        Kind::Stream => Source::new(Streamed::new(value, false).map(|item| item.expect("no error"))),
        Kind::SlowStream => Source::new(Streamed::new(value, true).map(|item| item.expect("no error"))),
        Kind::Fallible => Source::try_stream(Streamed::new(value, false)),
        Kind::Generate => Source::generate(|out| {
            let generator = Generator::new(value, out);
            async move { generator.await.expect("no error") }
        }),
        Kind::TryGenerate => Source::try_generate(|out| Generator::new(value, out)),
        Kind::Receiver | Kind::Channel => {
            let (sender, source) = if kind == Kind::Channel {
                Source::channel(items.max(1))
            } else {
                let (sender, receiver) = towpath_pattern::async_channel::bounded(items.max(1));
                (sender, Source::new(receiver))
            };
            (0..items).for_each(|item| sender.try_send(item).expect("there is room"));
            sender.close();
            gone = Gone::Receiver(sender);
            source
        }
    };
    Watched { source, gone, polls_after_end, kept: Vec::new() }
}

impl Watched {
    /// Sends the items along a way. The stages of the way continue after a failure.
    pub fn on(mut self, way: Way) -> Self {
        self.source = match way {
            Way::Direct => self.source,
            Way::Kept => self.keep(),
            Way::KeptAgain => {
                let (source, kept) = self.source.kept();
                drop(source);
                self.source = kept.take().expect("the source is not in use");
                self.keep()
            }
            Way::Run => {
                let passes = Fanout::new(2, |item: usize| async move { Ok(item) });
                Source::new(passes.capacity(64).on_failure(OnFailure::Continue).run(self.source))
            }
            Way::Produced => produced(self.source),
            Way::Merged => Source::merge([Source::new([]), self.source]),
            Way::Chunks => self.source.chunks(2, Duration::MAX).flatten(),
        };
        self
    }

    fn keep(&mut self) -> Source<usize> {
        let (source, kept) = std::mem::replace(&mut self.source, Source::new([])).kept();
        self.kept.push(kept);
        source
    }
}

/// Sends the items through a queue: a producer sends every item.
fn produced(source: Source<usize>) -> Source<usize> {
    let (sender, receiver) = queue::bounded(64);
    let sends = move |taken: Taken<usize, ()>| {
        let sender = sender.clone();
        async move {
            let (item, running) = taken.start();
            running.complete(sender.send(item).await.map_err(anyhow::Error::from))
        }
    };
    let settings = Settings::new("producers", 2).on_failure(OnFailure::Continue);
    Source::produced(Run::spawn_discarding(Scope::default(), source, settings, sends), receiver)
}

/// A witness of the drop of the value of a source.
#[derive(Clone)]
pub enum Gone {
    /// The value owns the sender of this channel.
    Value(towpath_pattern::async_channel::Receiver<()>),
    /// The value is the receiver of this channel.
    Receiver(towpath_pattern::async_channel::Sender<usize>),
}

impl Gone {
    pub fn is_gone(&self) -> bool {
        match self {
            Self::Value(ended) => ended.is_closed(),
            Self::Receiver(sender) => sender.receiver_count() == 0,
        }
    }

    /// Waits for the drop of the value, as a job does.
    pub async fn wait(&self) {
        match self {
            Self::Value(ended) => ended.recv().await.expect_err("no message is sent"),
            Self::Receiver(_) => loop {
                if self.is_gone() {
                    break towpath_pattern::async_channel::RecvError;
                }
                sleep(Duration::from_millis(1)).await;
            },
        };
    }
}

/// The value that a source is made of: an iterator, or a part of a stream or generator.
struct Value {
    items: Range<usize>,
    end: End,
    has_ended: bool,
    polls_after_end: Arc<AtomicUsize>,
    _owned: towpath_pattern::async_channel::Sender<()>,
}

impl Value {
    /// Records the end, or that the value was polled after the end.
    fn end(&mut self) {
        if std::mem::replace(&mut self.has_ended, true) {
            self.polls_after_end.fetch_add(1, SeqCst);
        } else if self.end == End::Panic {
            panic!("{FAILS}");
        }
    }
}

impl Iterator for Value {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let item = self.items.next();
        if item.is_none() {
            self.end();
        }
        item
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        assert!(self.end != End::DropPanic, "{FAILS}");
    }
}

/// A stream of the items of a value.
struct Streamed {
    value: Value,
    waits: bool,
    has_waited: bool,
}

impl Streamed {
    fn new(value: Value, waits: bool) -> Self {
        Self { value, waits, has_waited: false }
    }
}

impl Stream for Streamed {
    type Item = anyhow::Result<usize>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.waits && !std::mem::replace(&mut self.has_waited, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.has_waited = false;
        let had_ended = self.value.has_ended;
        match self.value.next() {
            None if self.value.end == End::Error && !had_ended => {
                Poll::Ready(Some(Err(anyhow::anyhow!(FAILS))))
            }
            item => Poll::Ready(item.map(Ok)),
        }
    }
}

/// A generator that keeps its value after its return.
struct Generator {
    body: Pin<Box<dyn Future<Output = ()> + Send>>,
    value: Value,
}

impl Generator {
    fn new(value: Value, out: Yield<usize>) -> Self {
        let items = value.items.clone();
        let body = async move {
            for item in items {
                out.send(item).await;
            }
        };
        Self { body: Box::pin(body), value }
    }
}

impl Future for Generator {
    type Output = anyhow::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.value.has_ended && self.body.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.value.end();
        if self.value.end == End::Error {
            return Poll::Ready(Err(anyhow::anyhow!(FAILS)));
        }
        Poll::Ready(Ok(()))
    }
}
