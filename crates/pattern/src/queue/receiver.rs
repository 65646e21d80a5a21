//! The side of a queue where items are taken.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::items::Items;
use super::shared::{Receiving, Shared};
use super::state::Taking;
use super::{Pace, paced};
use futures_core::Stream;

/// Takes items from a queue. Clones take from the same queue, each item going to one of them.
///
/// The items it took are finished, for [`Sender::join`](super::Sender::join), when it takes again or is
/// dropped: work on them before that. It is a stream, too.
pub struct Receiver<T> {
    queue: Arc<Receiving<T>>,
    place: Option<u64>,
    /// Taken last time.
    in_hand: usize,
    pace: Pace,
}

impl<T> Receiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self::of(Arc::new(Receiving(shared)))
    }

    fn of(queue: Arc<Receiving<T>>) -> Self {
        Self { queue, place: None, in_hand: 0, pace: Pace::default() }
    }

    /// The next item, once there is one; `None` when the queue is closed and empty. Cancel-safe.
    pub async fn recv(&mut self) -> Option<T> {
        let mut item = None;
        let waiting = Waiting(self);
        poll_fn(|cx| waiting.0.poll_take(cx, 1, |items, _| item = items.pop())).await;
        item.map(|(_, item)| item)
    }

    /// Takes whatever is there, `max` items at most, once there is one, and adds them to the end of `into`; says
    /// how many: 0 when the queue is closed and empty. Cancel-safe.
    ///
    /// # Panics
    ///
    /// When `max` is zero, at the caller's location.
    #[track_caller]
    pub fn recv_many(&mut self, max: usize, into: &mut Vec<T>) -> impl Future<Output = usize> {
        assert!(max > 0, "to take 0 items would never end; use 1 or more");
        async move {
            let waiting = Waiting(self);
            poll_fn(|cx| waiting.0.poll_take(cx, max, |items, count| items.pop_many(count, into))).await
        }
    }

    /// The next item, if there is one now.
    ///
    /// # Errors
    ///
    /// If there is none, now or ever.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let mut item = None;
        let Self { queue, place, in_hand, .. } = self;
        let taken =
            queue.0.try_recv(&mut Taking { place, in_hand, max: 1 }, &mut |items, _| item = items.pop());
        let none = if taken.is_ready() { TryRecvError::Closed } else { TryRecvError::Empty };
        item.map(|(_, item)| item).ok_or(none)
    }

    /// Closes the queue: whatever is put from now on comes back, and the consumers take what is left.
    pub fn close(&self) {
        self.queue.0.close();
    }

    /// Closes the queue if no item is in it and no sender has deposited one; returns whether it is closed and empty.
    pub(crate) fn close_if_empty(&self) -> bool {
        self.queue.0.close_if_empty()
    }

    /// Whether it is closed; there may still be items in it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.queue.0.is_closed()
    }

    /// How many items are in the queue.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.0.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many items the queue has room for in all.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.queue.0.capacity
    }

    #[inline]
    fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        max: usize,
        mut give: impl FnMut(&mut Items<T>, usize),
    ) -> Poll<usize> {
        if self.pace.is_due() {
            self.poll_paced(cx, max, &mut give)
        } else {
            self.poll_fill(cx, max, &mut give)
        }
    }

    #[inline(never)]
    fn poll_paced(
        &mut self,
        cx: &mut Context<'_>,
        max: usize,
        give: &mut impl FnMut(&mut Items<T>, usize),
    ) -> Poll<usize> {
        paced(cx, |cx| self.poll_fill(cx, max, give))
    }

    /// Takes up to `max` items, or waits in line; ready with none if the queue is closed and empty.
    #[inline]
    pub(crate) fn poll_fill(
        &mut self,
        cx: &Context<'_>,
        max: usize,
        give: &mut impl FnMut(&mut Items<T>, usize),
    ) -> Poll<usize> {
        let Self { queue, place, in_hand, .. } = self;
        queue.0.poll_take(cx, &mut Taking { place, in_hand, max }, give)
    }

    pub(crate) fn is_newest_first(&self) -> bool {
        self.queue.0.newest_first
    }

    /// Takes out everything that nobody took, where no producer waits any more.
    pub(crate) fn drain(&mut self) -> VecDeque<(usize, T)> {
        self.queue.0.drain()
    }
}

/// A consumer that waits; out of the line when dropped.
struct Waiting<'a, T>(&'a mut Receiver<T>);

impl<T> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        if self.0.place.is_some() {
            self.0.queue.0.give_up_taking(&mut self.0.place, &mut 0);
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self::of(Arc::clone(&self.queue))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.queue.0.give_up_taking(&mut self.place, &mut self.in_hand);
    }
}

impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut item = None;
        ready!(self.poll_take(cx, 1, |items, _| item = items.pop()));
        Poll::Ready(item.map(|(_, item)| item))
    }
}

// Items are held by value and never pinned.
impl<T> Unpin for Receiver<T> {}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("len", &self.len()).field("capacity", &self.capacity()).finish()
    }
}

/// Why no item could be taken at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// There is none now.
    Empty,
    /// There is none, and none will come.
    Closed,
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the queue is empty",
            Self::Closed => "the queue is closed and empty",
        })
    }
}

impl std::error::Error for TryRecvError {}
