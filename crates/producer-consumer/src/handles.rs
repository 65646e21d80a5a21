//! What the jobs of a run put items into its queue with.

use std::collections::VecDeque;

use towpath_pattern::queue::{SendError, Sender, TrySendError};

/// What a producer puts items into the queue with.
#[derive(Debug)]
pub struct QueueSender<T>(Sender<T>);

impl<T> QueueSender<T> {
    pub(crate) fn new(producer: Sender<T>) -> Self {
        Self(producer)
    }

    /// Puts `item`, once there is room for it.
    ///
    /// # Errors
    ///
    /// The item, if the run is over: only a handle that outlives its job sees that.
    ///
    /// # Cancel-safety
    ///
    /// Dropped before its end, it has not put the item, and drops it.
    pub async fn send(&self, item: T) -> Result<(), SendError<T>> {
        self.0.send(item).await
    }

    /// Puts all of `items`, as many at once as there is room for: faster than one by one.
    ///
    /// # Errors
    ///
    /// If the run is over; what was not put is left in `items`.
    ///
    /// # Cancel-safety
    ///
    /// Cancel-safe: what was not put is left in `items`.
    pub async fn send_many(&self, items: &mut VecDeque<T>) -> Result<(), SendError> {
        self.0.send_many(items).await
    }
}

/// What a consumer puts items into the queue with. It never waits: only consumers make room, and if all of
/// them waited for it, there would be none.
#[derive(Debug)]
pub struct QueueTrySender<T>(Sender<T>);

impl<T> QueueTrySender<T> {
    pub(crate) fn new(producer: Sender<T>) -> Self {
        Self(producer)
    }

    /// Puts `item` if there is room for it now.
    ///
    /// # Errors
    ///
    /// The item, if the queue is full, or if the run is over, which only a handle that outlives its job sees.
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(item)
    }
}
