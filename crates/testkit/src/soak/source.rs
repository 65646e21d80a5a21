//! The sources of a soak: of every form, fed by tasks as well, ending well, badly or never.

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
    /// A task sends into it.
    Channel {
        capacity: usize,
        pauses: bool,
    },
    /// A task puts into it.
    Queue {
        capacity: usize,
        pauses: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    Well,
    /// With an error in place of that item.
    Failing(usize),
    /// With a panic in place of that item.
    Panicking(usize),
    Never,
}

impl Feeding {
    /// The same end, if a source of this form can have it.
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

/// A source that is being fed.
pub(super) struct Supplied {
    pub(super) source: Source<Token>,
    pub(super) kept: Kept<Token>,
    /// The task that feeds it.
    pub(super) feeder: Option<JoinHandle<()>>,
    /// Whether items leave it only when they are taken.
    pub(super) is_lazy: bool,
}

impl Supplying {
    /// How many items there are, if all are taken.
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

/// Now and then: a timer takes a millisecond at least.
async fn pause(pauses: bool, index: usize) {
    if pauses && index.is_power_of_two() {
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
}

/// Items that end in the way that was chosen.
struct Well {
    supply: Supply,
    ends: Ends,
    next: usize,
}

impl Well {
    fn halting(self, halting: bool) -> Self {
        Self { supply: self.supply.halting(halting), ..self }
    }

    /// The end that comes in place of the next item, if it does.
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

/// One that has no errors.
struct Unfailing(Well);

impl Stream for Unfailing {
    type Item = Token;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Token>> {
        Pin::new(&mut self.0).poll_next(cx).map(|token| token.and_then(Result::ok))
    }
}
