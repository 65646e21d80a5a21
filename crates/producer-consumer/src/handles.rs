//! The handles with which the jobs of a run send items to the queue.

use std::collections::VecDeque;

use towpath_pattern::Scope;
use towpath_pattern::queue::{SendError, Sender, TrySendError};

/// Sends the items of a producer to the queue of the run.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use std::collections::VecDeque;
///
/// use towpath_producer_consumer::{PatternExt, ProducerConsumer, QueueSender};
///
/// let numbers = ProducerConsumer::producers(2, |count: u64, queue: QueueSender<u64>| async move {
///     queue.send(0).await?;
///     queue.send_many(&mut (1..count).collect::<VecDeque<_>>()).await?;
///
///     // A task in the scope ends before the run does, and may send as well.
///     let scope = queue.scope().clone();
///     scope.spawn("last", async move { Ok(queue.send(count).await?) });
///     Ok(())
/// });
/// let same = numbers.consumers(1, |number: u64| async move { Ok(number) });
/// assert_eq!(same.run([4]).collect().await?, [0, 1, 2, 3, 4]);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct QueueSender<T>(Sender<T>, Scope);

impl<T> QueueSender<T> {
    pub(crate) fn new(sender: Sender<T>, scope: Scope) -> Self {
        Self(sender, scope)
    }

    /// Returns the scope of the jobs of the run. Runs and tasks that the job starts in the scope end before the run does;
    /// see [`Job::call_in`](towpath_pattern::Job::call_in).
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.1
    }

    /// Sends `item`, and waits for capacity.
    ///
    /// # Errors
    ///
    /// Returns the item if the run is over. Only a handle that outlives the job meets the error.
    ///
    /// # Cancel safety
    ///
    /// A cancelled `send` has not sent the item, and drops the item.
    pub async fn send(&self, item: T) -> Result<(), SendError<T>> {
        self.0.send(item).await
    }

    /// Sends all `items`, in batches as large as the free capacity: faster than a `send` for every item.
    ///
    /// # Errors
    ///
    /// Returns an error if the run is over. Unsent items stay in `items`.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: unsent items stay in `items`.
    pub async fn send_many(&self, items: &mut VecDeque<T>) -> Result<(), SendError> {
        self.0.send_many(items).await
    }
}

/// Sends the items of a consumer to the queue of the run, and never waits.
///
/// Only consumers free capacity: if all consumers waited for capacity, the run would deadlock.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_producer_consumer::{PatternExt, ProducerConsumer, QueueTrySender};
///
/// let countdown = ProducerConsumer::items().consumers_that_send(1, |n: u64, queue: QueueTrySender<u64>| async move {
///     if n > 0 {
///         queue.try_send(n - 1)?;
///     }
///     // A task in the scope ends before the run does.
///     queue.scope().spawn("log", async move { Ok(println!("{n}")) });
///     Ok(n)
/// });
/// assert_eq!(countdown.run([3]).collect().await?, [3, 2, 1, 0]);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct QueueTrySender<T>(Sender<T>, Scope);

impl<T> QueueTrySender<T> {
    pub(crate) fn new(sender: Sender<T>, scope: Scope) -> Self {
        Self(sender, scope)
    }

    /// Returns the scope of the jobs of the run. Runs and tasks that the job starts in the scope end before the run does;
    /// see [`Job::call_in`](towpath_pattern::Job::call_in).
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.1
    }

    /// Sends `item` if the queue has capacity now.
    ///
    /// # Errors
    ///
    /// Returns the item if the queue is full or the run is over.
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(item)
    }
}
