//! The side of a queue where items are put.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::items::Supply;
use super::shared::{Giving, Shared};
use super::state::Putting;
use super::{Pace, paced};

/// Puts items into a queue. Clones put into the same queue; with the last of them, nothing more will come.
pub struct Sender<T> {
    queue: Arc<Giving<T>>,
    /// Of the input that its items come from, where they come from one.
    index: Option<usize>,
    pace: Pace,
}

impl<T> Sender<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self { queue: Arc::new(Giving(shared)), index: None, pace: Pace::default() }
    }

    /// A producer whose items come from the input with that index: for a pattern whose jobs put.
    #[must_use]
    pub fn of_input(&self, index: usize) -> Self {
        Self { index: Some(index), ..self.clone() }
    }

    /// Puts `item`, once there is room for it.
    ///
    /// # Errors
    ///
    /// The item, if the queue is closed. (For `?` to make anyhow's error of that, the item must be `Sync`.)
    ///
    /// # Cancel-safety
    ///
    /// Dropped before its end, it has not put the item, and drops it. [`Sender::send_many`] leaves it with you.
    pub async fn send(&self, item: T) -> Result<(), SendError<T>> {
        let mut giver = Giver { producer: self, place: None, items: Some(item) };
        poll_fn(|cx| giver.poll(cx)).await;
        giver.items.take().map_or(Ok(()), |item| Err(SendError(item)))
    }

    /// Puts all of `items`, as many at once as there is room for. What was put is no longer in `items`.
    ///
    /// What there is no room for waits beside the queue, no more than its capacity: consumers who come take it
    /// from there, in its turn, even before this task runs again.
    ///
    /// # Errors
    ///
    /// If the queue is closed; what was not put is left in `items`.
    ///
    /// # Cancel-safety
    ///
    /// Cancel-safe: what was not put is left in `items`.
    pub async fn send_many(&self, items: &mut VecDeque<T>) -> Result<(), SendError> {
        let mut giver = Giver { producer: self, place: None, items };
        if poll_fn(|cx| giver.poll(cx)).await { Ok(()) } else { Err(SendError(())) }
    }

    /// Puts `item` if there is room for it now, before all who wait for room.
    ///
    /// # Errors
    ///
    /// The item, if the queue is full or closed.
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        let mut item = Some(item);
        let put =
            self.queue.0.try_send(&mut Putting { place: &mut None, items: &mut item, index: self.index });
        match item {
            None => Ok(()),
            Some(item) if put.is_pending() => Err(TrySendError::Full(item)),
            Some(item) => Err(TrySendError::Closed(item)),
        }
    }

    /// Waits until every item that was put has been taken and finished: asyncio's `join`. It closes nothing.
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// If the last consumer is gone, so that what is left in the queue will never be taken.
    pub async fn join(&self) -> Result<(), SendError> {
        let mut joining = Joining { shared: &self.queue.0, place: None };
        let all = poll_fn(|cx| joining.shared.poll_join(cx, &mut joining.place)).await;
        if all { Ok(()) } else { Err(SendError(())) }
    }

    /// Closes the queue: whatever is put from now on comes back, and the consumers take what is left.
    pub fn close(&self) {
        self.queue.0.close();
    }

    /// Whether it is closed.
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
}

/// A put under way; out of the line when dropped.
struct Giver<'a, T, S: Supply<T>> {
    producer: &'a Sender<T>,
    place: Option<u64>,
    items: S,
}

impl<T, S: Supply<T>> Giver<'_, T, S> {
    #[inline]
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.producer.pace.is_due() { self.poll_paced(cx) } else { self.poll_put(cx) }
    }

    #[inline(never)]
    fn poll_paced(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        paced(cx, |cx| self.poll_put(cx))
    }

    #[inline]
    fn poll_put(&mut self, cx: &Context<'_>) -> Poll<bool> {
        let Self { producer, place, items } = self;
        producer.queue.0.poll_put(cx, &mut Putting { place, items, index: producer.index })
    }
}

impl<T, S: Supply<T>> Drop for Giver<'_, T, S> {
    fn drop(&mut self) {
        let Self { producer, place, items } = self;
        if place.is_some() {
            producer.queue.0.give_up_putting(&mut Putting { place, items, index: producer.index });
        }
    }
}

struct Joining<'a, T> {
    shared: &'a Shared<T>,
    place: Option<u64>,
}

impl<T> Drop for Joining<'_, T> {
    fn drop(&mut self) {
        if self.place.is_some() {
            self.shared.give_up_joining(&mut self.place);
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

/// The queue is closed; what could not be put is inside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T = ()>(pub T);

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue is closed")
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Closed(..)")
    }
}

impl<T> std::error::Error for SendError<T> {}

/// Why an item could not be put at once; it is inside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// There is no room for it now.
    Full(T),
    /// The queue is closed.
    Closed(T),
}

impl<T> TrySendError<T> {
    /// The item.
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
