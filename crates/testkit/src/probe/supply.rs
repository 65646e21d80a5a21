//! The sources of the suite, in every form, written down in the ledger.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use towpath_pattern::{Kept, Source};

use super::ledger::{Ledger, Token};

/// The forms a source can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Iterator,
    Stream,
    /// A stream that is pending before every third item.
    Halting,
    Channel,
    Generator,
}

impl Form {
    pub(crate) const ALL: [Self; 5] =
        [Self::Iterator, Self::Stream, Self::Halting, Self::Channel, Self::Generator];

    /// A source of this form with the items `0..items`.
    pub(crate) fn supply(self, ledger: &Arc<Ledger>, items: usize) -> Supplied {
        let supply = Supply::new(ledger, items);
        let mut in_channel: Box<dyn Fn() -> usize + Send> = Box::new(|| 0);
        let source = match self {
            Self::Iterator => Source::from(supply),
            Self::Stream => Source::stream(supply),
            Self::Halting => Source::stream(supply.halting(true)),
            Self::Generator => Source::generate(|out| async move {
                for token in supply {
                    out.send(token).await;
                }
            }),
            Self::Channel => {
                let (sender, source) = Source::channel(items.max(1));
                for token in supply {
                    // There is room for all of them.
                    let _ = sender.try_send(token);
                }
                sender.close();
                in_channel = Box::new(move || sender.len());
                source
            }
        };
        let (source, kept) = source.kept();
        Supplied { source, kept, rest: Rest { ledger: Arc::clone(ledger), in_channel } }
    }
}

/// A source, what gives back what was never begun, and what tells how much was taken.
pub(crate) struct Supplied {
    pub(crate) source: Source<Token>,
    pub(crate) kept: Kept<Token>,
    pub(crate) rest: Rest,
}

/// Tells how much was taken from a source.
pub(crate) struct Rest {
    ledger: Arc<Ledger>,
    in_channel: Box<dyn Fn() -> usize + Send>,
}

impl Rest {
    pub(crate) fn taken(&self) -> usize {
        self.ledger.seen().handed_out - (self.in_channel)()
    }
}

/// An iterator and a stream of items, which the ledger sees as long as it exists.
pub(crate) struct Supply {
    ledger: Arc<Ledger>,
    next: usize,
    items: usize,
    halting: bool,
    halted: bool,
    _alive: Alive,
}

impl Supply {
    pub(crate) fn new(ledger: &Arc<Ledger>, items: usize) -> Self {
        let (ledger, alive) = (Arc::clone(ledger), Alive::new(ledger));
        Self { ledger, next: 0, items, halting: false, halted: false, _alive: alive }
    }

    pub(crate) fn endless(ledger: &Arc<Ledger>) -> Self {
        Self::new(ledger, usize::MAX)
    }

    /// As a stream, pending before every third item.
    pub(crate) fn halting(self, halting: bool) -> Self {
        Self { halting, ..self }
    }
}

impl Iterator for Supply {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.ledger.source_polled();
        let index = self.next;
        (index < self.items).then(|| {
            self.next += 1;
            self.ledger.hand_out(index)
        })
    }
}

impl Stream for Supply {
    type Item = Token;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Token>> {
        if self.halting && self.next.is_multiple_of(3) && !self.halted {
            self.halted = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.halted = false;
        Poll::Ready(self.next())
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
