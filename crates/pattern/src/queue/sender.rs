//! The sending side of a queue.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::items::Outgoing;
use super::pace::{Pace, paced};
use super::shared::{SenderShare, Shared};
use super::state::Sending;
use crate::util::ticket_list::Ticket;

/// Sends items to a queue.
///
/// Clones send to the same queue. The drop of the last sender closes the queue. The [module](super) has examples.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_pattern::queue;
///
/// let (sender, mut receiver) = queue::bounded(2);
/// sender.send("first").await?;
/// sender.try_send("second")?;
/// assert_eq!((sender.len(), sender.capacity()), (2, 2));
/// sender.close();
/// assert!(sender.is_closed() && !sender.is_empty());
/// assert_eq!(receiver.recv().await, Some("first"));
/// # Ok(()) }
/// ```
pub struct Sender<T> {
    queue: Arc<SenderShare<T>>,
    /// The index of the input behind the items, if any.
    index: Option<usize>,
    pace: Pace,
}

impl<T> Sender<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self { queue: Arc::new(SenderShare(shared)), index: None, pace: Pace::default() }
    }

    /// Returns a sender whose items have the index `index`: the index of the input that the items come from.
    ///
    /// A pattern with jobs that send uses this method, so that a later failure has the index of the input.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_pattern::{Run, Settings, Scope, Source, Taken, queue};
    ///
    /// let (sender, receiver) = queue::bounded(4);
    /// let work = move |taken: Taken<u64, ()>| {
    ///     let sender = sender.from_input(taken.index());
    ///     async move {
    ///         let (item, running) = taken.start();
    ///         running.complete(sender.send(10 * item).await.map_err(anyhow::Error::from))
    ///     }
    /// };
    /// let senders = Run::spawn_discarding(Scope::default(), Source::new([7]), Settings::new("send", 1), work);
    /// let mut source = Source::produced(senders, receiver);
    /// assert_eq!(source.next().await.transpose()?, Some(70));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn from_input(&self, index: usize) -> Self {
        Self { index: Some(index), ..self.clone() }
    }

    /// Waits until the queue has free capacity, and sends `item`.
    ///
    /// # Errors
    ///
    /// Returns the item if the queue is closed. A `?` into an `anyhow::Error` needs an item of a type that is `Send`,
    /// `Sync` and `'static`.
    ///
    /// # Cancel safety
    ///
    /// This method is not cancel safe: a cancelled `send` has not sent the item, and drops the item. [`Sender::send_many`]
    /// leaves unsent items with the caller.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_pattern::queue;
    ///
    /// let (sender, mut receiver) = queue::bounded(1);
    /// sender.send("item").await?;
    /// assert_eq!(receiver.recv().await, Some("item"));
    ///
    /// drop(receiver);
    /// assert_eq!(sender.send("refused").await.unwrap_err().0, "refused");
    /// # Ok(()) }
    /// ```
    pub async fn send(&self, item: T) -> Result<(), SendError<T>> {
        let due = self.pace.is_due();
        let item = if due { Err(item) } else { self.queue.0.send_single(item, self.index) };
        let Err(item) = item else { return Ok(()) };
        let mut pending = PendingSend { sender: self, due, ticket: None, items: self.queue.0.single(item) };
        poll_fn(|cx| pending.poll(cx)).await;
        pending.items.item.take().map_or(Ok(()), |item| Err(SendError(item)))
    }

    /// Sends all `items`, in batches as large as the free capacity, and removes the sent items from `items`.
    ///
    /// If the queue is full, the sender waits, and deposits its next items at the queue: at most as many as the capacity.
    /// At a capacity of 0, the deposit is a single item.
    /// A receiver that finds the queue empty takes from the deposits, in the order of the waiting senders, even before
    /// the sending task runs again. A queue of [`bounded_lifo`](super::bounded_lifo) takes no deposits.
    ///
    /// # Errors
    ///
    /// Returns an error if the queue is closed. Unsent items are left in `items`.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: unsent items are left in `items`.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::collections::VecDeque;
    /// use towpath_pattern::queue;
    ///
    /// let (sender, mut receiver) = queue::bounded(3);
    /// let mut items = VecDeque::from([1, 2, 3]);
    /// sender.send_many(&mut items).await?;
    /// assert!(items.is_empty());
    /// assert_eq!(receiver.recv().await, Some(1));
    /// # Ok(()) }
    /// ```
    pub async fn send_many(&self, items: &mut VecDeque<T>) -> Result<(), SendError> {
        let items = self.queue.0.batch(items);
        let mut pending =
            PendingSend { sender: self, due: self.pace.is_due_for_batch(), ticket: None, items };
        if poll_fn(|cx| pending.poll(cx)).await { Ok(()) } else { Err(SendError(())) }
    }

    /// Sends `item` if the queue has free capacity now. The item goes ahead of the items of waiting senders.
    ///
    /// # Errors
    ///
    /// Returns the item if the queue is full or closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use towpath_pattern::queue::{self, TrySendError};
    ///
    /// let (sender, receiver) = queue::bounded(1);
    /// assert_eq!(sender.try_send(1), Ok(()));
    /// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    /// drop(receiver);
    /// assert_eq!(sender.try_send(3), Err(TrySendError::Closed(3)));
    /// ```
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        let item = match self.queue.0.send_single(item, self.index) {
            Ok(()) => return Ok(()),
            Err(item) => item,
        };
        let mut single = self.queue.0.single(item);
        let sent =
            self.queue.0.try_send(&mut Sending { ticket: &mut None, items: &mut single, index: self.index });
        match single.item {
            None => Ok(()),
            Some(item) if sent.is_pending() => Err(TrySendError::Full(item)),
            Some(item) => Err(TrySendError::Closed(item)),
        }
    }

    /// Waits until every sent item has been received and finished: asyncio's `join`. The queue stays open.
    ///
    /// # Errors
    ///
    /// Returns an error if the last receiver was dropped while items were left in the queue.
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
    /// let (sender, mut receiver) = queue::bounded(2);
    /// sender.send_many(&mut (1..=2).collect()).await?;
    /// let receiving = tokio::spawn(async move { while receiver.recv().await.is_some() {} });
    /// sender.join().await?; // both items are finished
    /// drop(sender); // closes the queue
    /// receiving.await?;
    /// # Ok(()) }
    /// ```
    pub async fn join(&self) -> Result<(), SendError> {
        let mut pending = PendingJoin { shared: &self.queue.0, ticket: None };
        let all = poll_fn(|cx| pending.shared.poll_join(cx, &mut pending.ticket)).await;
        if all { Ok(()) } else { Err(SendError(())) }
    }

    /// Closes the queue: further items are refused, and receivers take the items left.
    pub fn close(&self) {
        self.queue.0.close();
    }

    /// Returns whether the queue is closed.
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
}

/// A send under way, cancelled by a drop.
struct PendingSend<'a, T, S: Outgoing<T>> {
    sender: &'a Sender<T>,
    /// Whether the operation costs a unit of the task's budget.
    due: bool,
    ticket: Option<Ticket>,
    items: S,
}

impl<T, S: Outgoing<T>> PendingSend<'_, T, S> {
    #[inline]
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.due { self.poll_paced(cx) } else { self.poll_send(cx) }
    }

    #[inline(never)]
    fn poll_paced(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        paced(cx, |cx| self.poll_send(cx))
    }

    #[inline]
    fn poll_send(&mut self, cx: &Context<'_>) -> Poll<bool> {
        let Self { sender, ticket, items, .. } = self;
        sender.queue.0.poll_send(cx, &mut Sending { ticket, items, index: sender.index })
    }
}

impl<T, S: Outgoing<T>> Drop for PendingSend<'_, T, S> {
    fn drop(&mut self) {
        let Self { sender, ticket, items, .. } = self;
        if ticket.is_some() {
            sender.queue.0.cancel_send(&mut Sending { ticket, items, index: sender.index });
        }
    }
}

/// A join under way, cancelled by a drop.
struct PendingJoin<'a, T> {
    shared: &'a Shared<T>,
    ticket: Option<Ticket>,
}

impl<T> Drop for PendingJoin<'_, T> {
    fn drop(&mut self) {
        if self.ticket.is_some() {
            self.shared.cancel_join(&mut self.ticket);
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue), index: self.index, pace: Pace::default() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("len", &self.len()).field("capacity", &self.capacity()).finish()
    }
}

/// The error of a send to a closed queue, with the unsent item. The unsent items of a batch stay with the caller.
/// [`Sender::join`] also returns this error.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T = ()>(pub T);

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue is closed")
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> std::error::Error for SendError<T> {}

/// The reason why an item could not be sent at once, with the item.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// The queue is full now.
    Full(T),
    /// The queue is closed.
    Closed(T),
}

impl<T> TrySendError<T> {
    /// Returns the item.
    ///
    /// # Examples
    ///
    /// ```
    /// use towpath_pattern::queue;
    ///
    /// let (sender, _receiver) = queue::bounded(0);
    /// assert_eq!(sender.try_send("item").unwrap_err().into_inner(), "item");
    /// ```
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(item) | Self::Closed(item) => item,
        }
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the queue is full",
            Self::Closed(_) => "the queue is closed",
        })
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> std::error::Error for TrySendError<T> {}
