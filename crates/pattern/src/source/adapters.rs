//! Iterators, streams and channels as sources.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::mpsc;

use super::poll_source::{PollBatch, PollSource, source_error};
use crate::failure::Cause;
use crate::item::ItemBatch;

/// An iterator as a source.
pub(super) struct IteratorSource<I> {
    /// `None` once the iterator is exhausted.
    items: Option<I>,
    next_index: usize,
}

impl<I> IteratorSource<I> {
    pub(super) fn new(items: I) -> Self {
        Self { items: Some(items), next_index: 0 }
    }
}

impl<T, I: Iterator<Item = T> + Send> PollSource<T> for IteratorSource<I> {
    fn poll_batch(&mut self, _cx: &mut Context<'_>, max: usize, into: &mut ItemBatch<T>) -> PollBatch {
        let Some(items) = &mut self.items else { return PollBatch::Exhausted };
        for _ in 0..max {
            let Some(item) = items.next() else {
                self.items = None;
                return PollBatch::Exhausted;
            };
            into.push(self.next_index, item);
            self.next_index += 1;
        }
        PollBatch::Ready
    }

    fn needs_polling(&self) -> bool {
        false
    }

    fn stop(&mut self) {
        self.items = None;
    }

    fn release(&mut self) {
        self.items = None;
    }
}

/// A stream as a source; `check` splits its items into items and errors of the source.
pub(super) struct StreamSource<S, C> {
    /// `None` once the stream is exhausted.
    stream: Option<Pin<Box<S>>>,
    check: C,
    next_index: usize,
}

impl<S: Stream, T, C: Fn(S::Item) -> anyhow::Result<T>> StreamSource<S, C> {
    pub(super) fn new(stream: S, check: C) -> Self {
        Self { stream: Some(Box::pin(stream)), check, next_index: 0 }
    }
}

impl<S, T, C> PollSource<T> for StreamSource<S, C>
where
    S: Stream + Send,
    C: Fn(S::Item) -> anyhow::Result<T> + Send,
{
    fn poll_batch(&mut self, cx: &mut Context<'_>, max: usize, into: &mut ItemBatch<T>) -> PollBatch {
        let Some(stream) = &mut self.stream else { return PollBatch::Exhausted };
        for _ in 0..max {
            match stream.as_mut().poll_next(cx) {
                Poll::Pending => return PollBatch::Pending,
                Poll::Ready(None) => {
                    self.stream = None;
                    return PollBatch::Exhausted;
                }
                Poll::Ready(Some(item)) => match (self.check)(item) {
                    Ok(item) => into.push(self.next_index, item),
                    Err(error) => {
                        return PollBatch::Failed(source_error(
                            Some(self.next_index),
                            Cause::from_error(error),
                        ));
                    }
                },
            }
            self.next_index += 1;
        }
        PollBatch::Ready
    }

    fn needs_polling(&self) -> bool {
        true
    }

    fn stop(&mut self) {
        self.stream = None;
    }

    fn release(&mut self) {
        self.stream = None;
    }
}

/// The receiver of an async-channel as a source.
pub(super) struct ChannelSource<T> {
    /// `None` once the channel is closed and empty.
    receiver: Option<Pin<Box<async_channel::Receiver<T>>>>,
    next_index: usize,
}

impl<T> ChannelSource<T> {
    pub(super) fn new(receiver: async_channel::Receiver<T>) -> Self {
        Self { receiver: Some(Box::pin(receiver)), next_index: 0 }
    }
}

impl<T: Send> PollSource<T> for ChannelSource<T> {
    fn poll_batch(&mut self, cx: &mut Context<'_>, max: usize, into: &mut ItemBatch<T>) -> PollBatch {
        let Some(receiver) = &mut self.receiver else { return PollBatch::Exhausted };
        for _ in 0..max {
            match receiver.as_mut().poll_next(cx) {
                Poll::Pending => return PollBatch::Pending,
                Poll::Ready(None) => {
                    self.receiver = None;
                    return PollBatch::Exhausted;
                }
                Poll::Ready(Some(item)) => into.push(self.next_index, item),
            }
            self.next_index += 1;
        }
        PollBatch::Ready
    }

    fn computes(&self) -> bool {
        false
    }

    fn needs_polling(&self) -> bool {
        false
    }

    fn close_channels(&mut self) {
        if let Some(receiver) = &self.receiver {
            receiver.close();
        }
    }

    fn stop(&mut self) {
        self.receiver = None;
    }

    fn release(&mut self) {
        self.receiver = None;
    }
}

/// A receiver of `tokio::sync::mpsc`.
pub(super) trait Receiver<T>: Send {
    /// Appends up to `max` items; the number of items is zero once the channel is closed and empty.
    fn poll_recv_many(&mut self, cx: &mut Context<'_>, into: &mut Vec<T>, max: usize) -> Poll<usize>;

    /// Refuses further items; the items in the channel remain.
    fn close(&mut self);
}

impl<T: Send> Receiver<T> for mpsc::Receiver<T> {
    fn poll_recv_many(&mut self, cx: &mut Context<'_>, into: &mut Vec<T>, max: usize) -> Poll<usize> {
        self.poll_recv_many(cx, into, max)
    }

    fn close(&mut self) {
        self.close();
    }
}

impl<T: Send> Receiver<T> for mpsc::UnboundedReceiver<T> {
    fn poll_recv_many(&mut self, cx: &mut Context<'_>, into: &mut Vec<T>, max: usize) -> Poll<usize> {
        self.poll_recv_many(cx, into, max)
    }

    fn close(&mut self) {
        self.close();
    }
}

/// The receiver of a channel of tokio as a source.
pub(super) struct ReceiverSource<R, T> {
    /// `None` once the channel is closed and empty.
    receiver: Option<R>,
    /// The items of a poll on their way into the batch.
    received: Vec<T>,
    next_index: usize,
}

impl<R, T> ReceiverSource<R, T> {
    pub(super) fn new(receiver: R) -> Self {
        Self { receiver: Some(receiver), received: Vec::new(), next_index: 0 }
    }
}

impl<R: Receiver<T>, T: Send> PollSource<T> for ReceiverSource<R, T> {
    fn poll_batch(&mut self, cx: &mut Context<'_>, max: usize, into: &mut ItemBatch<T>) -> PollBatch {
        let Some(receiver) = &mut self.receiver else { return PollBatch::Exhausted };
        let mut free = max;
        while free > 0 {
            match receiver.poll_recv_many(cx, &mut self.received, free) {
                // The waker is registered by the poll that finds no item.
                Poll::Pending => return PollBatch::Pending,
                Poll::Ready(0) => {
                    self.receiver = None;
                    return PollBatch::Exhausted;
                }
                Poll::Ready(count) => {
                    free -= count;
                    for item in self.received.drain(..) {
                        into.push(self.next_index, item);
                        self.next_index += 1;
                    }
                }
            }
        }
        PollBatch::Ready
    }

    fn computes(&self) -> bool {
        false
    }

    fn needs_polling(&self) -> bool {
        false
    }

    fn close_channels(&mut self) {
        if let Some(receiver) = &mut self.receiver {
            receiver.close();
        }
    }

    fn stop(&mut self) {
        self.receiver = None;
    }

    fn release(&mut self) {
        self.receiver = None;
    }
}
