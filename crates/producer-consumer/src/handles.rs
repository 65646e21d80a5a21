//! The handles with which the jobs of a run send items to its queue.

use std::collections::VecDeque;

use towpath_pattern::queue::{SendError, Sender, TrySendError};

/// Sends the items of a producer to the queue of its run.
#[derive(Debug)]
pub struct QueueSender<T>(Sender<T>);

impl<T> QueueSender<T> {
    pub(crate) fn new(sender: Sender<T>) -> Self {
        Self(sender)
    }

    /// Sends `item`, and waits until the queue has capacity for it.
    ///
    /// # Errors
    ///
    /// Returns the item if the run is over, which only a handle sees that outlives its job.
    ///
    /// # Cancel safety
    ///
    /// A cancelled `send` has not sent the item, and drops it.
    pub async fn send(&self, item: T) -> Result<(), SendError<T>> {
        self.0.send(item).await
    }

    /// Sends all `items`, as many at a time as the queue has capacity for: quicker than one at a time.
    ///
    /// # Errors
    ///
    /// Returns an error if the run is over. Items that were not sent are left in `items`.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: items that were not sent are left in `items`.
    pub async fn send_many(&self, items: &mut VecDeque<T>) -> Result<(), SendError> {
        self.0.send_many(items).await
    }
}

/// Sends the items of a consumer to the queue of its run, and never waits.
///
/// Only consumers free capacity: if all of them waited for it, the run would deadlock.
#[derive(Debug)]
pub struct QueueTrySender<T>(Sender<T>);

impl<T> QueueTrySender<T> {
    pub(crate) fn new(sender: Sender<T>) -> Self {
        Self(sender)
    }

    /// Sends `item` if the queue has capacity for it now.
    ///
    /// # Errors
    ///
    /// Returns the item if the queue is full, or if the run is over, which only a handle sees that outlives its job.
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(item)
    }
}
