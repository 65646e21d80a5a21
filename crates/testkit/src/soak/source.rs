//! The sources of a soak, of every form and with every end: a completion, a failure, a panic, or no end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use tokio::task::JoinHandle;
use towpath_pattern::{Kept, Source, queue};

use crate::panics;
use crate::probe::{Ledger, Supply, Token};

#[derive(Clone, Copy)]
pub(super) struct Supplying {
    pub(super) feeding: Feeding,
    pub(super) ends: Ends,
    pub(super) items: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Feeding {
    Iterator,
    Stream {
        /// Pending before every third item.
        halting: bool,
    },
    /// A stream of results.
    Fallible,
    Generator {
        pauses: bool,
    },
    /// A channel with a sending task.
    Channel {
        capacity: usize,
        pauses: bool,
    },
    /// A queue with a sending task.
    Queue {
        capacity: usize,
        pauses: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    Well,
    /// An error in place of the item with this index.
    Failing(usize),
    /// A panic in place of the item with this index.
    Panicking(usize),
    Never,
}

impl Feeding {
    /// Returns `ends` if a source of this form can end so, and [`Ends::Well`] otherwise.
    pub(super) fn allowed(self, ends: Ends) -> Ends {
        let can = match ends {
            Ends::Well => true,
            Ends::Failing(_) => matches!(self, Self::Fallible | Self::Generator { .. }),
            Ends::Panicking(_) => !matches!(self, Self::Channel { .. } | Self::Queue { .. }),
            Ends::Never => matches!(self, Self::Iterator | Self::Stream { .. } | Self::Fallible),
        };
        if can { ends } else { Ends::Well }
    }
}

/// A started source.
pub(super) struct Supplied {
    pub(super) source: Source<Token>,
    pub(super) kept: Kept<Token>,
    /// The task that sends the items, for a channel and a queue.
    pub(super) feeder: Option<JoinHandle<()>>,
    /// Whether the source makes an item only when a worker takes the item.
    pub(super) is_lazy: bool,
}

impl Supplying {
    /// Returns the number of items of the whole source.
    pub(super) fn count(&self) -> usize {
        match self.ends {
            Ends::Well => self.items,
            Ends::Failing(at) | Ends::Panicking(at) => at.min(self.items),
            Ends::Never => usize::MAX,
        }
    }

    pub(super) fn start(&self, ledger: &Arc<Ledger>) -> Supplied {
        let items = if self.ends == Ends::Never { usize::MAX } else { self.items };
        let well = Well { supply: Supply::new(ledger, items), ends: self.ends, next: 0 };
        let mut feeder = None;
        let source = match self.feeding {
            Feeding::Iterator => Source::new(well),
            Feeding::Stream { halting } => Source::new(Unfailing(well.halting(halting))),
            Feeding::Fallible => Source::try_stream(well),
            Feeding::Generator { pauses } => Source::try_generate(move |out| async move {
                let mut well = well;
                while let Some(token) = well.draw() {
                    let token = token?;
                    pause(pauses, token.index).await;
                    out.send(token).await;
                }
                Ok(())
            }),
            Feeding::Channel { capacity, pauses } => {
                let (sender, source) = Source::channel(capacity);
                feeder = Some(tokio::spawn(async move {
                    for token in well {
                        pause(pauses, token.index).await;
                        if sender.send(token).await.is_err() {
                            break;
                        }
                    }
                }));
                source
            }
            Feeding::Queue { capacity, pauses } => {
                let (producer, consumer) = queue::bounded(capacity);
                feeder = Some(tokio::spawn(async move {
                    for token in well {
                        pause(pauses, token.index).await;
                        if producer.send(token).await.is_err() {
                            break;
                        }
                    }
                }));
                Source::new(consumer)
            }
        };
        let is_lazy = feeder.is_none();
        let (source, kept) = source.kept();
        Supplied { source, kept, feeder, is_lazy }
    }
}

/// Sleeps if `pauses` is set and `index` is a power of two. The pauses are rare, since a sleep takes at least a
/// millisecond.
async fn pause(pauses: bool, index: usize) {
    if pauses && index.is_power_of_two() {
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
}

/// Items with the chosen end.
struct Well {
    supply: Supply,
    ends: Ends,
    next: usize,
}

impl Well {
    fn halting(self, halting: bool) -> Self {
        Self { supply: self.supply.halting(halting), ..self }
    }

    /// Returns the error in place of the next item, or panics in place of the next item.
    fn bad_end(&self) -> Option<anyhow::Error> {
        match self.ends {
            Ends::Failing(at) if at == self.next => Some(anyhow::anyhow!("the source failed at {at}")),
            Ends::Panicking(at) if at == self.next => panics::on_purpose(format_args!("source at {at}")),
            _ => None,
        }
    }

    fn draw(&mut self) -> Option<anyhow::Result<Token>> {
        if let Some(error) = self.bad_end() {
            return Some(Err(error));
        }
        self.next += 1;
        self.supply.next().map(Ok)
    }
}

impl Iterator for Well {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.draw()?.ok()
    }
}

impl Stream for Well {
    type Item = anyhow::Result<Token>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(error) = self.bad_end() {
            return Poll::Ready(Some(Err(error)));
        }
        let polled = Pin::new(&mut self.supply).poll_next(cx);
        if polled.is_ready() {
            self.next += 1;
        }
        polled.map(|token| token.map(Ok))
    }
}

/// A stream that leaves errors out.
struct Unfailing(Well);

impl Stream for Unfailing {
    type Item = Token;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Token>> {
        Pin::new(&mut self.0).poll_next(cx).map(|token| token.and_then(Result::ok))
    }
}
