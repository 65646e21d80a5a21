//! The receiving side of a queue.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::items::Items;
use super::pace::{Pace, paced};
use super::shared::{ReceiverShare, Shared};
use super::state::Receiving;
use crate::util::ticket_list::Ticket;

/// Receives items from a queue. A receiver is also a [`Stream`] of the items.
///
/// Clones receive from the same queue, and every item goes to a single receiver. The items taken by a receiver count as
/// finished, for [`Sender::join`](super::Sender::join), when the receiver asks for the next item or is dropped. The drop
/// of the last receiver closes the queue and drops the items left. The [module](super) has examples.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_pattern::queue;
///
/// let (sender, mut receiver) = queue::bounded(2);
/// sender.send("first").await?;
/// assert_eq!((receiver.len(), receiver.capacity()), (1, 2));
/// receiver.close();
/// assert!(sender.send("refused").await.is_err());
/// assert_eq!(receiver.recv().await, Some("first"));
/// assert_eq!(receiver.recv().await, None);
/// assert!(receiver.is_closed() && receiver.is_empty());
/// # Ok(()) }
/// ```
pub struct Receiver<T> {
    queue: Arc<ReceiverShare<T>>,
    ticket: Option<Ticket>,
    /// The number of items taken last time.
    unfinished: usize,
    pace: Pace,
}

impl<T> Receiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self::of(Arc::new(ReceiverShare(shared)))
    }

    fn of(queue: Arc<ReceiverShare<T>>) -> Self {
        Self { queue, ticket: None, unfinished: 0, pace: Pace::default() }
    }

    /// Waits until the queue has an item, and returns the item. Returns `None` when the queue is closed and empty.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_pattern::queue;
    ///
    /// let (sender, mut receiver) = queue::bounded(1);
    /// sender.send("item").await?;
    /// drop(sender);
    /// assert_eq!(receiver.recv().await, Some("item"));
    /// assert_eq!(receiver.recv().await, None);
    /// # Ok(()) }
    /// ```
    pub async fn recv(&mut self) -> Option<T> {
        let due = self.pace.is_due();
        if !due && let Some(item) = self.recv_single() {
            return Some(item);
        }
        let mut item = None;
        let pending = PendingRecv(self);
        poll_fn(|cx| pending.0.poll_recv(cx, due, 1, |items, _| item = items.pop())).await;
        item.map(|(_, item)| item)
    }

    /// Waits until the queue has an item, and appends all items in the queue, at most `max`, to `into`.
    ///
    /// Returns the number of items: 0 when the queue is closed and empty.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if `max` is zero.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_pattern::queue;
    ///
    /// let (sender, mut receiver) = queue::bounded(3);
    /// sender.send_many(&mut (1..=3).collect()).await?;
    /// let mut items = Vec::new();
    /// assert_eq!(receiver.recv_many(2, &mut items).await, 2);
    /// assert_eq!(items, [1, 2]);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn recv_many(&mut self, max: usize, into: &mut Vec<T>) -> impl Future<Output = usize> {
        assert!(max > 0, "to receive 0 items would never end; use 1 or more");
        async move {
            let due = self.pace.is_due_for_batch();
            let pending = PendingRecv(self);
            poll_fn(|cx| pending.0.poll_recv(cx, due, max, |items, count| items.pop_many(count, into))).await
        }
    }

    /// Receives the next item if the queue has an item now.
    ///
    /// # Errors
    ///
    /// Returns an error if the queue is empty, or closed and empty.
    ///
    /// # Examples
    ///
    /// ```
    /// use towpath_pattern::queue::{self, TryRecvError};
    ///
    /// let (sender, mut receiver) = queue::bounded(1);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.try_send("item").expect("the queue has capacity");
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Ok("item"));
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        if let Some(item) = self.recv_single() {
            return Ok(item);
        }
        let mut item = None;
        let Self { queue, ticket, unfinished, .. } = self;
        let received = queue
            .0
            .try_recv(&mut Receiving { ticket, unfinished, max: 1 }, &mut |items, _| item = items.pop());
        let none = if received.is_ready() { TryRecvError::Closed } else { TryRecvError::Empty };
        item.map(|(_, item)| item).ok_or(none)
    }

    /// Closes the queue: further items are refused, and receivers take the items left.
    pub fn close(&self) {
        self.queue.0.close();
    }

    /// Closes the queue if the queue has no item and no deposit; returns whether the queue is closed and empty.
    pub(crate) fn close_if_empty(&self) -> bool {
        self.queue.0.close_if_empty()
    }

    /// Returns whether the queue is closed. A closed queue may still have items.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.queue.0.is_closed()
    }

    /// Returns the number of items in the queue.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.0.len()
    }

    /// Returns whether the queue has no items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the capacity of the queue, in items.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.queue.0.capacity
    }

    /// Receives an item at once, in the usual case: the receiver has no entry in the wait list, and the queue has an item.
    #[inline]
    fn recv_single(&mut self) -> Option<T> {
        if self.ticket.is_some() { None } else { self.queue.0.recv_single(&mut self.unfinished) }
    }

    /// Polls an operation, at the cost of a unit of the budget if one is `due`.
    #[inline]
    fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        due: bool,
        max: usize,
        mut take: impl FnMut(&mut Items<T>, usize),
    ) -> Poll<usize> {
        if due { self.poll_paced(cx, max, &mut take) } else { self.poll_take(cx, max, &mut take) }
    }

    #[inline(never)]
    fn poll_paced(
        &mut self,
        cx: &mut Context<'_>,
        max: usize,
        take: &mut impl FnMut(&mut Items<T>, usize),
    ) -> Poll<usize> {
        paced(cx, |cx| self.poll_take(cx, max, take))
    }

    /// Takes up to `max` items through `take`, or enters the wait list. Ready with 0 if the queue is closed and empty.
    #[inline]
    pub(crate) fn poll_take(
        &mut self,
        cx: &Context<'_>,
        max: usize,
        take: &mut impl FnMut(&mut Items<T>, usize),
    ) -> Poll<usize> {
        let Self { queue, ticket, unfinished, .. } = self;
        queue.0.poll_recv(cx, &mut Receiving { ticket, unfinished, max }, take)
    }

    pub(crate) fn is_oldest_first(&self) -> bool {
        self.queue.0.is_oldest_first()
    }

    /// Takes all items left. No sender waits any more.
    pub(crate) fn drain(&mut self) -> VecDeque<(usize, T)> {
        self.queue.0.drain()
    }
}

/// A waiting receiver, which leaves the wait list when dropped.
struct PendingRecv<'a, T>(&'a mut Receiver<T>);

impl<T> Drop for PendingRecv<'_, T> {
    fn drop(&mut self) {
        if self.0.ticket.is_some() {
            self.0.queue.0.cancel_recv(&mut self.0.ticket, &mut 0);
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
        self.queue.0.cancel_recv(&mut self.ticket, &mut self.unfinished);
    }
}

impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let due = self.pace.is_due();
        if !due && let Some(item) = self.recv_single() {
            return Poll::Ready(Some(item));
        }
        let mut item = None;
        ready!(self.poll_recv(cx, due, 1, |items, _| item = items.pop()));
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

/// The reason why no item could be received at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// The queue is empty now.
    Empty,
    /// The queue is closed and empty.
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
