//! Streams and channels as sources.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::feed::{Feed, Filled, Inbox};
use crate::failure::{Cause, Failure};

/// A stream; `check` tells its items from its errors.
pub(crate) struct Streamed<S, C, T> {
    stream: Option<Pin<Box<S>>>,
    check: C,
    /// Its error was told. The stream is dropped at the next poll, or with the source: what panics in that is told
    /// then, and not instead of the error.
    failed: bool,
    next_index: usize,
    items: PhantomData<fn() -> T>,
}

impl<S: Stream, T, C: Fn(S::Item) -> anyhow::Result<T>> Streamed<S, C, T> {
    pub(crate) fn new(stream: S, check: C) -> Self {
        Self { stream: Some(Box::pin(stream)), check, failed: false, next_index: 0, items: PhantomData }
    }
}

impl<S, T, C> Feed<T> for Streamed<S, C, T>
where
    S: Stream + Send,
    C: Fn(S::Item) -> anyhow::Result<T> + Send,
{
    fn fill(&mut self, cx: &mut Context<'_>, max: usize, into: &mut Inbox<T>) -> Filled {
        if self.failed {
            self.stream = None;
        }
        let Some(stream) = &mut self.stream else { return Filled::Ended };
        for _ in 0..max {
            match stream.as_mut().poll_next(cx) {
                Poll::Pending => return Filled::Waiting,
                Poll::Ready(None) => {
                    self.stream = None;
                    return Filled::Ended;
                }
                Poll::Ready(Some(item)) => match (self.check)(item) {
                    Ok(item) => into.push(self.next_index, item),
                    Err(error) => {
                        self.failed = true;
                        return Filled::Failed(source_error(self.next_index, error));
                    }
                },
            }
            self.next_index += 1;
        }
        Filled::Full
    }

    fn needs_polling(&self) -> bool {
        true
    }

    fn let_go(&mut self) {
        self.stream = None;
    }
}

/// The failure of a source where item `index` would have been.
pub(crate) fn source_error(index: usize, error: anyhow::Error) -> Failure {
    Failure::new(Some(index), &Arc::from("source"), Cause::of_error(error))
}

/// The receiving end of a channel.
pub(crate) struct Received<T> {
    receiver: Pin<Box<async_channel::Receiver<T>>>,
    next_index: usize,
}

impl<T> Received<T> {
    pub(crate) fn new(receiver: async_channel::Receiver<T>) -> Self {
        Self { receiver: Box::pin(receiver), next_index: 0 }
    }
}

impl<T: Send> Feed<T> for Received<T> {
    fn fill(&mut self, cx: &mut Context<'_>, max: usize, into: &mut Inbox<T>) -> Filled {
        for _ in 0..max {
            match self.receiver.as_mut().poll_next(cx) {
                Poll::Pending => return Filled::Waiting,
                Poll::Ready(None) => return Filled::Ended,
                Poll::Ready(Some(item)) => into.push(self.next_index, item),
            }
            self.next_index += 1;
        }
        Filled::Full
    }

    fn computes(&self) -> bool {
        false
    }

    fn needs_polling(&self) -> bool {
        false
    }
}
