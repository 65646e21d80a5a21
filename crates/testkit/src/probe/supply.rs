//! The sources of the suite, in every form, recorded in the ledger.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;
use towpath_pattern::{AsIterator, AsStream, Kept, Source, Storage, anyhow, queue};

use super::ledger::{Ledger, Token};
use crate::panics;

/// The part of a subject that changes the source of a run.
pub(crate) trait ChangesSource {
    /// Returns the source of the runs of the subject.
    fn change(&self, source: Source<Token>) -> Source<Token>;
}

/// The forms of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Iterator,
    Stream,
    /// A stream that is pending before every third item.
    Halting,
    Channel,
    Generator,
    /// A queue by priority. The items are sent in the reverse order.
    Priority,
    /// A storage.
    Frontier,
}

impl Form {
    pub(crate) const ALL: [Self; 7] = [
        Self::Iterator,
        Self::Stream,
        Self::Halting,
        Self::Channel,
        Self::Generator,
        Self::Priority,
        Self::Frontier,
    ];

    /// Returns whether all items are made before the run.
    pub(crate) fn is_filled(self) -> bool {
        matches!(self, Self::Channel | Self::Priority | Self::Frontier)
    }

    /// Creates a source of this form with the items `0..items`, changed by the subject.
    pub(crate) fn supply(self, tested: &dyn ChangesSource, ledger: &Arc<Ledger>, items: usize) -> Supplied {
        self.supply_until(tested, ledger, items, None)
    }

    /// Creates the same source without a subject.
    pub(crate) fn plain(self, ledger: &Arc<Ledger>, items: usize) -> Source<Token> {
        self.sound(Supply::new(ledger, items), items).0
    }

    /// Creates the same source, with a fault. An iterator, a channel and a queue cannot return an error, so a
    /// stream replaces these forms.
    pub(crate) fn supply_until(
        self,
        tested: &dyn ChangesSource,
        ledger: &Arc<Ledger>,
        items: usize,
        fault: Option<SourceFault>,
    ) -> Supplied {
        let supply = Supply { fault, ..Supply::new(ledger, items) };
        let source = match self {
            _ if fault.is_none() => {
                let (source, in_channel) = self.sound(supply, items);
                return Supplied::of(tested.change(source), ledger, in_channel);
            }
            Self::Generator => Source::try_generate(|out| async move {
                for token in supply.failing() {
                    out.send(token?).await;
                }
                Ok(())
            }),
            Self::Frontier => Source::frontier(Stored::new(supply)).1,
            Self::Iterator if fault.is_some_and(|fault| fault.panics) => Source::new::<AsIterator>(supply),
            _ => Source::try_stream(Failing(supply.halting(self == Self::Halting))),
        };
        Supplied::of(tested.change(source), ledger, || 0)
    }

    fn sound(self, supply: Supply, items: usize) -> (Source<Token>, InChannel) {
        let mut in_channel: InChannel = Box::new(|| 0);
        let source = match self {
            Self::Iterator => Source::new::<AsIterator>(supply),
            Self::Stream => Source::new::<AsStream>(supply),
            Self::Halting => Source::new::<AsStream>(supply.halting(true)),
            Self::Generator => Source::generate(|out| async move {
                for token in supply {
                    out.send(token).await;
                }
            }),
            Self::Channel => {
                let (sender, source) = Source::channel(items.max(1));
                for token in supply {
                    // The capacity is the number of items.
                    let _ = sender.try_send(token);
                }
                sender.close();
                in_channel = Box::new(move || sender.len());
                source
            }
            Self::Priority => {
                let urgency = |token: &Token| -i64::try_from(token.index).unwrap_or(i64::MAX);
                let (sender, receiver) = queue::bounded_by_priority(items.max(1), urgency);
                let tokens: Vec<_> = supply.collect();
                for token in tokens.into_iter().rev() {
                    // The capacity is the number of items.
                    let _ = sender.try_send(token);
                }
                sender.close();
                in_channel = Box::new(move || sender.len());
                Source::new::<AsStream>(receiver)
            }
            Self::Frontier => {
                let stored = Stored::new(supply);
                let count = Arc::clone(&stored.count);
                in_channel = Box::new(move || count.load(Ordering::SeqCst));
                Source::frontier(stored).1
            }
        };
        (source, in_channel)
    }
}

/// The failure of a source at poll `at`, counted from zero: an error or a panic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SourceFault {
    pub(crate) at: usize,
    pub(crate) panics: bool,
}

/// The message of the failure of a source.
pub(crate) const SOURCE_FAILED: &str = "the source is dry";

/// Returns the number of items in the channel, the queue or the storage of a source.
type InChannel = Box<dyn Fn() -> usize + Send>;

/// A source, the handle to the returned items, and the number of items taken.
pub(crate) struct Supplied {
    pub(crate) source: Source<Token>,
    pub(crate) kept: Kept<Token>,
    pub(crate) rest: Rest,
}

impl Supplied {
    fn of(
        source: Source<Token>,
        ledger: &Arc<Ledger>,
        in_channel: impl Fn() -> usize + Send + 'static,
    ) -> Self {
        let (source, kept) = source.kept();
        Self { source, kept, rest: Rest { ledger: Arc::clone(ledger), in_channel: Box::new(in_channel) } }
    }
}

/// The number of items taken from a source.
pub(crate) struct Rest {
    ledger: Arc<Ledger>,
    in_channel: InChannel,
}

impl Rest {
    pub(crate) fn taken(&self) -> usize {
        self.ledger.seen().handed_out - (self.in_channel)()
    }
}

/// An iterator and a stream of items. The ledger counts the supply until the drop.
pub(crate) struct Supply {
    ledger: Arc<Ledger>,
    next: usize,
    items: usize,
    halting: bool,
    halted: bool,
    polls: usize,
    fault: Option<SourceFault>,
    _alive: Alive,
}

impl Supply {
    pub(crate) fn new(ledger: &Arc<Ledger>, items: usize) -> Self {
        let (ledger, alive) = (Arc::clone(ledger), Alive::new(ledger));
        Self { ledger, next: 0, items, halting: false, halted: false, polls: 0, fault: None, _alive: alive }
    }

    pub(crate) fn endless(ledger: &Arc<Ledger>) -> Self {
        Self::new(ledger, usize::MAX)
    }

    /// Makes the stream pending before every third item.
    pub(crate) fn halting(self, halting: bool) -> Self {
        Self { halting, ..self }
    }

    /// Counts a poll, and fails at the poll of the fault.
    fn poll(&mut self) -> anyhow::Result<()> {
        self.ledger.source_polled();
        let poll = self.polls;
        self.polls += 1;
        match self.fault {
            Some(fault) if fault.at == poll => {
                self.ledger.source_failed();
                if fault.panics {
                    panics::on_purpose(SOURCE_FAILED);
                }
                Err(anyhow::anyhow!(SOURCE_FAILED))
            }
            _ => Ok(()),
        }
    }

    fn hand_out(&mut self) -> Option<Token> {
        let index = self.next;
        (index < self.items).then(|| {
            self.next += 1;
            self.ledger.hand_out(index)
        })
    }

    /// Returns the items, and an error at the poll of the fault.
    fn failing(mut self) -> impl Iterator<Item = anyhow::Result<Token>> + Send {
        std::iter::from_fn(move || match self.poll() {
            Ok(()) => self.hand_out().map(Ok),
            Err(error) => Some(Err(error)),
        })
    }

    fn poll_take(&mut self, cx: &Context<'_>) -> Poll<Option<Token>> {
        if self.halting && self.next.is_multiple_of(3) && !self.halted {
            self.halted = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.halted = false;
        Poll::Ready(self.hand_out())
    }
}

impl Iterator for Supply {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        // The only fault of an iterator is a panic, and `poll` does not return from a panic.
        let _ = self.poll();
        self.hand_out()
    }
}

impl Stream for Supply {
    type Item = Token;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Token>> {
        let _ = self.poll();
        self.poll_take(cx)
    }
}

/// The supply as a stream that can return an error.
struct Failing(Supply);

impl Stream for Failing {
    type Item = anyhow::Result<Token>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.0.poll() {
            Ok(()) => self.0.poll_take(cx).map(|token| token.map(Ok)),
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }
}

/// A storage of all items of a supply.
struct Stored {
    items: Mutex<VecDeque<Token>>,
    count: Arc<AtomicUsize>,
    /// The empty supply, which has the fault.
    supply: Mutex<Supply>,
}

impl Stored {
    fn new(mut supply: Supply) -> Self {
        let items: VecDeque<_> = std::iter::from_fn(|| supply.hand_out()).collect();
        let count = Arc::new(AtomicUsize::new(items.len()));
        Self { items: Mutex::new(items), count, supply: Mutex::new(supply) }
    }

    fn items(&self) -> MutexGuard<'_, VecDeque<Token>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage for Stored {
    type Item = Token;

    async fn add(&self, token: Token) -> anyhow::Result<()> {
        self.items().push_back(token);
        self.count.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn take(&self, max: usize) -> anyhow::Result<Vec<Token>> {
        self.supply.lock().unwrap_or_else(PoisonError::into_inner).poll()?;
        let mut items = self.items();
        let count = max.min(items.len());
        self.count.fetch_sub(count, Ordering::SeqCst);
        Ok(items.drain(..count).collect())
    }

    fn give_back(&self, token: Token) -> anyhow::Result<()> {
        self.items().push_front(token);
        self.count.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

struct Alive(Arc<Ledger>);

impl Alive {
    fn new(ledger: &Arc<Ledger>) -> Self {
        ledger.source_made();
        Self(Arc::clone(ledger))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.source_dropped();
    }
}
